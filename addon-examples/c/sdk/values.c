// Octets, headers and answers as values; nothing here knows the connection.
#define _GNU_SOURCE
#include <stdarg.h>
#include <strings.h>

#include "parts.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// How many octets from the first on are UTF-8 (Unicode 15, table 3-7).
static size_t text_length(const uint8_t *data, size_t size) {
    size_t at = 0;
    for (size_t length; at < size; at += length) {
        uint8_t first = data[at], second = at + 1 < size ? data[at + 1] : 0;
        length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
        if (length == 1) continue;
        if (!length || length > size - at) break;
        if (second < (first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80)) break;
        if (second > (first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF)) break;
        if (length > 2 && (data[at + 2] & 0xC0) != 0x80) break;
        if (length > 3 && (data[at + 3] & 0xC0) != 0x80) break;
    }
    return at;
}

json_object *weir_value(const void *data, size_t size) {
    const uint8_t *from = data;
    if (text_length(from, size) == size) return json_object_new_string_len(size ? data : "", size);
    char *base64 = must(malloc((size + 2) / 3 * 4)), *to = base64;
    for (size_t at = 0; at < size; at += 3) {
        size_t left = size - at;
        uint32_t group = from[at] << 16 | (left > 1 ? from[at + 1] << 8 : 0) | (left > 2 ? from[at + 2] : 0);
        for (size_t place = 0; place < 4; place++) *to++ = place <= left ? digits[group >> (18 - 6 * place) & 63] : '=';
    }
    json_object *value = object("b64", json_object_new_string_len(base64, to - base64));
    free(base64);
    return value;
}

uint8_t *from_base64(json_object *value, size_t *size) {
    static uint8_t values[256];  // and 1, so that 0 is no digit
    for (int index = 0; !values['/'] && index < 64; index++) values[(uint8_t)digits[index]] = index + 1;
    const char *base64 = string(value);
    if (!base64) return NULL;
    size_t length = json_object_get_string_len(value);
    while (length && base64[length - 1] == '=') length--;
    uint8_t *data = must(malloc(length + 1));
    uint32_t bits = 0;
    *size = 0;
    for (size_t at = 0; at < length; at++) {
        uint8_t digit = values[(uint8_t)base64[at]];
        if (!digit) return free(data), NULL;
        bits = bits << 6 | (digit - 1);
        if (at % 4) data[(*size)++] = bits >> (6 - at % 4 * 2);
    }
    return data;
}

json_object *text_value(const char *text) {
    char *copy = must(strdup(text));
    size_t at = 0, size = strlen(copy);
    while ((at += text_length((uint8_t *)copy + at, size - at)) < size) copy[at] = '?';
    json_object *value = json_object_new_string(copy);
    free(copy);
    return value;
}

json_object *make_object(const char *name, ...) {
    json_object *made = json_object_new_object(), *value;
    va_list rest;
    va_start(rest, name);
    for (; name; name = va_arg(rest, const char *))
        if ((value = va_arg(rest, json_object *))) json_object_object_add(made, name, value);
    va_end(rest);
    return made;
}

/// Takes the first name of a path, and returns what follows it. No name of the protocol has 64 octets.
static const char *first_name(const char *path, char name[64]) {
    size_t length = strcspn(path, "."), size = length < 64 ? length : 63;
    memcpy(name, path, size);
    name[size] = 0;
    return path + length + (path[length] == '.');
}

json_object *weir_at(json_object *from, const char *path) {
    char name[64];
    while (from && *path) {
        path = first_name(path, name);
        from = member(from, name);
    }
    return from;
}

json_object *weir_patch(const char *path, json_object *value) {
    char name[64];
    const char *rest = first_name(path, name);
    json_object *patch = json_object_new_object();
    json_object_object_add(patch, name, *rest ? weir_patch(rest, value) : value);
    return patch;
}

json_object *weir_respond(int status, json_object *headers, const void *content, size_t size) {
    json_object *value = weir_value(content, size);
    return weir_patch("flow.response", object("status_code", number(status), "headers", headers, "content", value));
}

json_object *weir_kill(void) { return weir_patch("kill", json_object_new_boolean(true)); }

// Headers

/// The index of the first field of that name from there on; the number of fields if there is none.
static size_t search(json_object *headers, const char *name, size_t from) {
    while (from < length(headers) && strcasecmp(string(element(element(headers, from), 0)) ?: "", name)) from++;
    return from;
}

const char *weir_header(json_object *headers, const char *name) {
    return string(element(element(headers, search(headers, name, 0)), 1));
}

json_object *weir_header_values(json_object *headers, const char *name) {
    json_object *values = json_object_new_array();
    for (size_t index = 0; (index = search(headers, name, index)) < length(headers); index++)
        json_object_array_add(values, json_object_get(element(element(headers, index), 1)));
    return values;
}

static void put(json_object *headers, size_t index, const char *name, const char *value) {
    json_object *field = json_object_new_array();
    json_object_array_add(field, weir_value(name, strlen(name)));
    json_object_array_add(field, weir_value(value, strlen(value)));
    json_object_array_put_idx(headers, index, field);
}

static void remove_from(json_object *headers, size_t from, const char *name) {
    while ((from = search(headers, name, from)) < length(headers)) json_object_array_del_idx(headers, from, 1);
}

void weir_header_set(json_object *headers, const char *name, const char *value) {
    size_t index = search(headers, name, 0);
    put(headers, index, name, value);
    remove_from(headers, index + 1, name);
}
void weir_header_add(json_object *headers, const char *name, const char *value) {
    put(headers, length(headers), name, value);
}
void weir_header_remove(json_object *headers, const char *name) { remove_from(headers, 0, name); }
