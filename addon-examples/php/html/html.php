#!/usr/bin/env php
<?php
// Rewrites HTML: puts a line of text on top of each page, in whatever charset it is. Its text is an option.
// Run: weir --addon addon-examples/php/html/html.php --set html_banner='größer & better'
// What is put in is ASCII, characters beyond it as references, and the page's own octets stay: so it need not be decoded. Charsets in
// which ASCII is not itself are left alone.
declare(strict_types=1);

const OTHER_CHARSETS = '/^(utf-?(7|16|32)|ucs|iso-?2022|csiso2022|hz|unicode|cp037|ibm|ebcdic)/i';
// In a comment, a script or a text field there is no tag to be seen, and attributes may contain >. What is not closed goes to the page's end.
const BODY = <<<'PATTERN'
    ~(?:<!--.*?(?:-->|\z)|<(script|style|title|textarea|template)\b.*?(?:</\1\s*>|\z))(*SKIP)(*FAIL)|<body(?=[\s/>])(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>~is
    PATTERN;

ini_set('pcre.jit', '0'); // a cage allows no code that is made at run time
ini_set('pcre.backtrack_limit', '100000000');
ini_set('memory_limit', '512M');
$link = fopen('php://fd/' . (getenv('WEIR_ADDON_FD') ?: exit("run this with weir --addon\n")), 'r+');
stream_set_timeout($link, PHP_INT_MAX >> 32);
$banner = '';

function octets(mixed $value): string
{
    return is_string($value) ? $value : base64_decode($value->b64 ?? '');
}

/** What stands for octets on the wire: text if they are UTF-8. */
function value(string $octets): string|array
{
    return preg_match('//u', $octets) ? $octets : ['b64' => base64_encode($octets)];
}

/** The text as ASCII that shows it in HTML. */
function references(string $text): string
{
    $codePoint = function (array $character): string {
        $octets = array_values(unpack('C*', $character[0]));
        $first = array_shift($octets) & 0xFF >> count($octets) + 2;
        return '&#' . array_reduce($octets, fn ($code, $octet) => $code << 6 | $octet & 0x3F, $first) . ';';
    };
    return preg_replace_callback('/[^\x00-\x7F]/u', $codePoint, htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8'));
}

/** The charset that the head names, or the first octets do; empty if neither. */
function charset(array $headers, string $page): string
{
    if (preg_match('/^(\xFF\xFE|\xFE\xFF|\x00\x00\xFE\xFF)/', $page)) {
        return 'utf-16';
    }
    foreach ($headers as [$name, $value]) {
        if (strtolower(octets($name)) === 'content-type' && preg_match('/;\s*charset\s*=\s*"?([\w.:-]+)/i', octets($value), $found)) {
            return $found[1];
        }
    }
    // Without a name, a page in UTF-16 gives itself away by its zeros.
    return str_contains(substr($page, 0, 64), "\0") ? 'utf-16' : '';
}

function rewritten(object $response, string $banner): object|array
{
    $content = $response->content;
    if ($content === null || $content === '' || !is_string($content) && !isset($content->b64)) {
        return new stdClass(); // no body, or one that is not here
    }
    $page = octets($content);
    if (preg_match(OTHER_CHARSETS, charset($response->headers, $page))) {
        return new stdClass();
    }
    $line = "<p>$banner</p>";
    $changed = preg_replace_callback(BODY, fn ($tag) => $tag[0] . $line, $page, 1, $count) ?? throw new Exception(preg_last_error_msg());
    return ['flow' => ['response' => ['content' => value($count ? $changed : $page . $line)]]];
}

$hello = [
    'name' => 'html-php', 'version' => '1', 'limits' => ['max_line' => 1 << 23],
    'hooks' => ['configure', ['name' => 'response', 'filter' => '~ts text/html', 'content' => 'decoded', 'fields' => ['flow.response.headers', 'flow.response.content']]],
    'options' => [['name' => 'html_banner', 'type' => 'str', 'default' => 'seen by weir', 'help' => 'The text on top of each page.']],
];

while (($line = fgets($link)) !== false) {
    // Objects stay objects: an empty one is not an empty list.
    $message = json_decode($line, false, 128, JSON_THROW_ON_ERROR);
    if (!isset($message->id, $message->method)) {
        continue; // a notification
    }
    $answer = ['jsonrpc' => '2.0', 'id' => $message->id];
    try {
        if ($message->method === 'configure') {
            $banner = references($message->params->options->html_banner);
        }
        $answer['result'] = match ($message->method) {
            'initialize' => $hello,
            'response' => rewritten($message->params->flow->response, $banner),
            default => new stdClass(), // ping, shutdown
        };
        $text = json_encode($answer, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE) . "\n";
    } catch (Throwable $failure) {
        fwrite(STDERR, "$failure\n");
        unset($answer['result']);
        $text = json_encode([...$answer, 'error' => ['code' => -32000, 'message' => $failure->getMessage()]], JSON_INVALID_UTF8_SUBSTITUTE) . "\n";
    }
    for ($sent = 0; $sent < strlen($text); $sent += $count) {
        $count = fwrite($link, substr($text, $sent)) ?: exit(1);
    }
}
