#!/usr/bin/env perl
# Asks a command whether a request may pass: status 0 lets it, 1 answers 401 (who are you?), any other 403. The command is the option
# auth_command, run by sh; AUTH_METHOD, AUTH_SCHEME, AUTH_HOST, AUTH_PORT, AUTH_PATH, AUTH_CLIENT (an address) and AUTH_AUTHORIZATION (that
# header) are in its environment. Several run at a time. A request whose command does not end in time is killed; without a command nobody passes.
# Run: weir --addon addon-examples/perl/auth/auth.pl --set auth_command='grep -qxF "$AUTH_AUTHORIZATION" /etc/weir/known'
use strict;
use warnings;
use Fcntl qw(F_SETFD FD_CLOEXEC);
use IO::Handle;
use IO::Select;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX qw(WNOHANG _exit);

open my $link, '+<&=', $ENV{WEIR_ADDON_FD} // die "run this with weir --addon\n" or die "the connection: $!\n";
binmode $link;
$link->blocking(0);
fcntl $link, F_SETFD, FD_CLOEXEC;    # not for the commands
delete $ENV{WEIR_ADDON_FD};

my $json  = JSON::PP->new->utf8;
my $hello = {
    name    => 'auth-perl',
    version => '1',
    hooks   => [
        'configure',
        {   name       => 'request',
            on_failure => 'kill',
            timeout_ms => 10000,
            fields     => [ 'flow.client_conn.peername', map {"flow.request.$_"} qw(method scheme host port path headers) ],
        }
    ],
    options => [ { name => 'auth_command', type => 'str', default => '', help => 'The command that says whether a request may pass.' } ],
    limits  => { max_line => 1 << 20 },
};
my ( $command, $received, $sending, %process, %number ) = ( '', '', '' );    # processes by the event's id, and the other way round

sub answer { my ( $id, %rest ) = @_; $sending .= $json->encode( { jsonrpc => '2.0', id => $id, %rest } ) . "\n" }

# Text is an environment's octets; what is no UTF-8 comes in Base64.
sub octets {
    my $value = shift // return '';
    return decode_base64( $value->{b64} ) if ref $value;
    utf8::encode($value);
    return $value;
}

sub ask {
    my ( $id, $flow ) = @_;
    my $request = $flow->{request};
    my ($shown) = map { octets( $_->[1] ) } grep { lc octets( $_->[0] ) eq 'authorization' } @{ $request->{headers} };
    my %about   = (
        ( map { ( "AUTH_\U$_" => octets( $request->{$_} ) ) } qw(method scheme host port path) ),
        AUTH_CLIENT        => $flow->{client_conn}{peername}[0],
        AUTH_AUTHORIZATION => $shown // '',
    );
    return decide( $id, -1 ) if $command !~ /\S/;
    my $pid = fork // return answer( $id, error => { code => -32000, message => "no process: $!" } );
    if ( !$pid ) {
        setpgrp;    # so that what it starts ends with it
        @ENV{ keys %about } = values %about;
        open STDOUT, '>&', \*STDERR;
        exec {'/bin/sh'} 'sh', '-c', $command or _exit(126);
    }
    ( $process{$id}, $number{$pid} ) = ( $pid, $id );
}

sub decide {
    my ( $id, $status ) = @_;
    return answer( $id, result => {} ) if $status == 0;
    my $is_unknown = $status == 1 << 8;
    my @headers    = ( [ 'Content-Type', 'text/plain' ], $is_unknown ? [ 'WWW-Authenticate', 'Basic realm="weir"' ] : () );
    my ( $code, $text ) = $is_unknown ? ( 401, "who are you?\n" ) : ( 403, "not allowed\n" );
    answer( $id, result => { flow => { response => { status_code => $code, headers => \@headers, content => $text } } } );
}

sub handle {
    my $message = shift;
    my ( $id, $method, $params ) = @$message{qw(id method params)};
    if ( $method eq 'cancel' ) {
        my $pid = delete $process{ $params->{id} } // return;
        delete $number{$pid};
        kill KILL => -$pid, $pid;
    }
    elsif ( !defined $id )           { }
    elsif ( $method eq 'initialize' ) { answer( $id, result => $hello ) }
    elsif ( $method eq 'request' )    { ask( $id, $params->{flow} ) }
    elsif ( $method eq 'configure' ) {
        my $given = $params->{options}{auth_command};
        warn "auth_command is empty: nobody may pass\n" if $given !~ /\S/;
        $command = octets($given);
        answer( $id, result => {} );
    }
    else { answer( $id, result => {} ) }    # ping, shutdown
}

$SIG{CHLD} = sub { };                       # wakes the select; one that comes just before it is noticed 50 ms later
my ( $reading, $writing ) = ( IO::Select->new($link), IO::Select->new($link) );
my $is_open = 1;
while ($is_open) {
    my ($readable) = IO::Select::select( $reading, length $sending ? $writing : undef, undef, %number ? 0.05 : undef );
    if ( $readable && @$readable ) {
        my $count = sysread $link, $received, 1 << 16, length $received;
        $is_open = 0 if defined $count ? $count == 0 : !$!{EAGAIN} && !$!{EINTR};
        while ( ( my $end = index $received, "\n" ) >= 0 ) { handle( $json->decode( substr $received, 0, $end + 1, '' ) ) }
    }
    while ( ( my $pid = waitpid -1, WNOHANG ) > 0 ) {
        my $id = delete $number{$pid} // next;    # a cancelled one
        delete $process{$id};
        decide( $id, $? );
    }
    if ( length $sending ) {
        my $count = syswrite $link, $sending;
        substr $sending, 0, $count, '' if $count;
    }
}
kill KILL => -$_, $_ for keys %number;
