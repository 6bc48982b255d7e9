#!/usr/bin/env php
<?php
// Adds `x-NAME: 1` to each response.
declare(strict_types=1);

$link = fopen('php://fd/' . getenv('WEIR_ADDON_FD'), 'r+');
stream_set_timeout($link, PHP_INT_MAX >> 32); // for ever
$hello = ['name' => 'NAME', 'version' => '0.1', 'hooks' => [['name' => 'response', 'fields' => ['flow.response.headers']]]];

function response(object $flow): array
{
    return ['flow' => ['response' => ['headers' => [...$flow->response->headers, ['x-NAME', '1']]]]];
}

while (($line = fgets($link)) !== false) {
    // Objects stay objects: an empty one is not an empty list.
    $message = json_decode($line, false, 128, JSON_THROW_ON_ERROR);
    if (!isset($message->id, $message->method)) {
        continue; // a notification wants no answer
    }
    $answer = ['jsonrpc' => '2.0', 'id' => $message->id];
    try {
        $answer['result'] = match ($message->method) {
            'initialize' => $hello,
            'response' => response($message->params->flow),
            default => new stdClass(), // ping, shutdown
        };
    } catch (Throwable $failure) {
        fwrite(STDERR, "$failure\n");
        $answer['error'] = ['code' => -32000, 'message' => $failure->getMessage()];
    }
    fwrite($link, json_encode($answer, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE) . "\n");
}
