// Octets, headers and answers as values; nothing here knows the connection.
#define _GNU_SOURCE
#include <strings.h>

#include "parts.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The length of the character that begins there, 0 if that is no UTF-8 (Unicode 15, table 3-7).
static size_t character(const uint8_t *data, size_t size) {
    if (data[0] < 0x80) return 1;
    size_t length = data[0] < 0xC2 ? 0 : data[0] < 0xE0 ? 2 : data[0] < 0xF0 ? 3 : data[0] < 0xF5 ? 4 : 0;
    if (!length || length > size) return 0;
    uint8_t low = data[0] == 0xE0 ? 0xA0 : data[0] == 0xF0 ? 0x90 : 0x80, high = data[0] == 0xED ? 0x9F : data[0] == 0xF4 ? 0x8F : 0xBF;
    if (data[1] < low || data[1] > high) return 0;
    for (size_t index = 2; index < length; index++)
        if ((data[index] & 0xC0) != 0x80) return 0;
    return length;
}

static bool is_text(const uint8_t *data, size_t size) {
    for (size_t at = 0, length; at < size; at += length)
        if (!(length = character(data + at, size - at))) return false;
    return true;
}

json_object *weir_value(const void *data, size_t size) {
    const uint8_t *from = data;
    if (is_text(from, size)) return json_object_new_string_len(size ? data : "", size);
    char *text = must(malloc((size + 2) / 3 * 4 + 1)), *to = text;
    for (size_t at = 0; at < size; at += 3) {
        uint32_t group = from[at] << 16 | (at + 1 < size ? from[at + 1] << 8 : 0) | (at + 2 < size ? from[at + 2] : 0);
        *to++ = digits[group >> 18];
        *to++ = digits[group >> 12 & 63];
        *to++ = at + 1 < size ? digits[group >> 6 & 63] : '=';
        *to++ = at + 2 < size ? digits[group & 63] : '=';
    }
    json_object *value = json_object_new_object();
    json_object_object_add(value, "b64", json_object_new_string_len(text, to - text));
    free(text);
    return value;
}

json_object *text_value(const char *text) {
    char *copy = must(strdup(text));
    for (size_t at = 0, size = strlen(copy), length; at < size; at += length)
        if (!(length = character((uint8_t *)copy + at, size - at))) copy[at] = '?', length = 1;
    json_object *value = json_object_new_string(copy);
    free(copy);
    return value;
}

bool from_base64(json_object *value, struct weir_bytes *bytes) {
    static int8_t values[256];
    if (!values['+']) {
        memset(values, -1, sizeof values);
        for (int index = 0; index < 64; index++) values[(uint8_t)digits[index]] = (int8_t)index;
    }
    if (!json_object_is_type(value, json_type_string)) return false;
    const char *text = json_object_get_string(value);
    size_t size = json_object_get_string_len(value), count = 0;
    while (size && text[size - 1] == '=') size--;
    uint8_t *data = must(malloc(size + 1));
    uint32_t bits = 0;
    for (size_t at = 0; at < size; at++) {
        int digit = values[(uint8_t)text[at]];
        if (digit < 0) return free(data), false;
        bits = bits << 6 | (uint32_t)digit;
        if (at % 4) data[count++] = (uint8_t)(bits >> (6 - at % 4 * 2));
    }
    bytes->data = bytes->owned = data;
    bytes->size = count;
    return true;
}

json_object *weir_at(json_object *from, const char *path) {
    while (from && *path) {
        char name[64];
        size_t length = strcspn(path, ".");
        if (length >= sizeof name || !json_object_is_type(from, json_type_object)) return NULL;
        memcpy(name, path, length);
        name[length] = 0;
        if (!json_object_object_get_ex(from, name, &from)) return NULL;
        path += length + (path[length] == '.');
    }
    return from;
}

json_object *weir_patch(const char *path, json_object *value) {
    char name[64];
    size_t length = strcspn(path, ".");
    if (length >= sizeof name) abort();  // no path of the protocol
    memcpy(name, path, length);
    name[length] = 0;
    json_object *object = json_object_new_object();
    json_object_object_add(object, name, path[length] ? weir_patch(path + length + 1, value) : value);
    return object;
}

json_object *weir_respond(int status, json_object *headers, const void *content, size_t size) {
    json_object *response = json_object_new_object();
    json_object_object_add(response, "status_code", json_object_new_int(status));
    if (headers) json_object_object_add(response, "headers", headers);
    json_object_object_add(response, "content", weir_value(content, size));
    return weir_patch("flow.response", response);
}

json_object *weir_kill(void) { return weir_patch("kill", json_object_new_boolean(true)); }

// Headers

/// Element `index`, 0 or 1, of a field, as text; NULL if it is none.
static const char *part(json_object *field, size_t index) {
    json_object *text = json_object_is_type(field, json_type_array) ? json_object_array_get_idx(field, index) : NULL;
    return json_object_is_type(text, json_type_string) ? json_object_get_string(text) : NULL;
}

/// The index of the first field of that name from there on; the number of fields if there is none.
static size_t search(json_object *headers, const char *name, size_t from) {
    size_t count = json_object_is_type(headers, json_type_array) ? json_object_array_length(headers) : 0;
    while (from < count && strcasecmp(part(json_object_array_get_idx(headers, from), 0) ?: "", name)) from++;
    return from;
}

const char *weir_header(json_object *headers, const char *name) {
    size_t index = search(headers, name, 0);
    return json_object_is_type(headers, json_type_array) ? part(json_object_array_get_idx(headers, index), 1) : NULL;
}

json_object *weir_header_values(json_object *headers, const char *name) {
    json_object *values = json_object_new_array();
    size_t count = json_object_is_type(headers, json_type_array) ? json_object_array_length(headers) : 0;
    for (size_t index = 0; (index = search(headers, name, index)) < count; index++)
        json_object_array_add(values, json_object_get(json_object_array_get_idx(json_object_array_get_idx(headers, index), 1)));
    return values;
}

static json_object *field(const char *name, const char *value) {
    json_object *pair = json_object_new_array();
    json_object_array_add(pair, weir_value(name, strlen(name)));
    json_object_array_add(pair, weir_value(value, strlen(value)));
    return pair;
}

static void remove_from(json_object *headers, const char *name, size_t from) {
    while ((from = search(headers, name, from)) < json_object_array_length(headers)) json_object_array_del_idx(headers, from, 1);
}

void weir_header_set(json_object *headers, const char *name, const char *value) {
    size_t index = search(headers, name, 0);
    json_object_array_put_idx(headers, index, field(name, value));
    remove_from(headers, name, index + 1);
}
void weir_header_add(json_object *headers, const char *name, const char *value) { json_object_array_add(headers, field(name, value)); }
void weir_header_remove(json_object *headers, const char *name) { remove_from(headers, name, 0); }
