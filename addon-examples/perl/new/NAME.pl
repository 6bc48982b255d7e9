#!/usr/bin/env perl
# Adds `x-NAME: 1` to each response.
use strict;
use warnings;
use IO::Handle;
use JSON::PP;

open my $link, '+<&=', $ENV{WEIR_ADDON_FD} or die "run this with weir --addon: $!\n";
binmode $link;
$link->autoflush;
my $json  = JSON::PP->new->utf8;
my $hello = { name => 'NAME', version => '0.1', hooks => [ { name => 'response', fields => ['flow.response.headers'] } ] };

sub response {
    my $flow    = shift;
    my $headers = $flow->{response}{headers};
    return { flow => { response => { headers => [ @$headers, [ 'x-NAME', '1' ] ] } } };
}

while ( my $line = <$link> ) {
    my $message = $json->decode($line);
    my ( $id, $method ) = @$message{qw(id method)};
    next unless defined $id && defined $method;    # a notification wants no answer
    my %answer = eval {
        ( result => $method eq 'initialize' ? $hello : $method eq 'response' ? response( $message->{params}{flow} ) : {} );
    };
    if ($@) { warn $@; %answer = ( error => { code => -32000, message => "$@" } ) }
    print $link $json->encode( { jsonrpc => '2.0', id => $id, %answer } ), "\n";
}
