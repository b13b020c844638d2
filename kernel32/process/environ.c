/* The environment block: finding, setting, expanding. */
#include "kernel32/process/environ.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/face.h"
#include "kernel32/process/utf.h"

static struct {
    pthread_mutex_t lock;
    /* under lock */
    uint16_t *block; /* NULL: empty, and nothing was ever set */
    uint16_t **published;
} the_environment = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint16_t empty_block[2];

size_t environ_block_length(const uint16_t *block)
{
    const uint16_t *at = block;
    while (*at)
        at += wide_length(at) + 1;
    /* an empty block is two terminators, too */
    return (size_t)(at - block) + (at == block ? 2 : 1);
}

/* The '=' that ends the name: not one at the very beginning. */
static size_t name_length_of(const uint16_t *entry)
{
    size_t length = entry[0] == '=' ? 1 : 0;
    while (entry[length] && entry[length] != '=')
        length++;
    return length;
}

const uint16_t *environ_find(const uint16_t *block, const uint16_t *name, size_t name_length,
                             size_t *ret_length)
{
    for (const uint16_t *at = block; *at; at += wide_length(at) + 1) {
        size_t length = name_length_of(at);
        if (at[length] != '=' || wide_compare_caseless(at, length, name, name_length) != 0)
            continue;
        *ret_length = wide_length(at + length + 1);
        return at + length + 1;
    }
    return NULL;
}

static uint16_t *block_locked(void)
{
    return the_environment.block ? the_environment.block : empty_block;
}

uint16_t *environ_block(void)
{
    pthread_mutex_lock(&the_environment.lock);
    uint16_t *block = block_locked();
    pthread_mutex_unlock(&the_environment.lock);
    return block;
}

uint16_t *environ_copy(void)
{
    pthread_mutex_lock(&the_environment.lock);
    const uint16_t *block = block_locked();
    size_t size = environ_block_length(block) * sizeof *block;
    uint16_t *copy = malloc(size);
    if (copy)
        memcpy(copy, block, size);
    pthread_mutex_unlock(&the_environment.lock);
    return copy;
}

void environ_publish(uint16_t **where)
{
    pthread_mutex_lock(&the_environment.lock);
    the_environment.published = where;
    if (where)
        *where = block_locked();
    pthread_mutex_unlock(&the_environment.lock);
}

uint16_t *environ_get(const uint16_t *name, size_t name_length, size_t *ret_length)
{
    size_t length;
    uint16_t *copy = NULL;
    pthread_mutex_lock(&the_environment.lock);
    const uint16_t *value = environ_find(block_locked(), name, name_length, &length);
    if (value)
        copy = malloc((length + 1) * sizeof *copy);
    if (copy) {
        memcpy(copy, value, (length + 1) * sizeof *copy);
        *ret_length = length;
    }
    pthread_mutex_unlock(&the_environment.lock);
    return copy;
}

/*
 * The block without the entry `name`, and with NAME=value in its place in the order when there is a
 * value. NULL without memory.
 */
static uint16_t *rebuilt_locked(const uint16_t *name, size_t name_length, const uint16_t *value,
                                size_t value_length)
{
    const uint16_t *old = block_locked();
    uint16_t *block =
        malloc((environ_block_length(old) + name_length + value_length + 3) * sizeof *block);
    uint16_t *to = block;
    bool placed = !value;
    if (!block)
        return NULL;
    for (const uint16_t *at = old; *at || !placed;) {
        size_t length = wide_length(at), its_name = name_length_of(at);
        int order = *at ? wide_compare_caseless(at, its_name, name, name_length) : 1;
        if (!placed && order >= 0) {
            memcpy(to, name, name_length * sizeof *to);
            to += name_length;
            *to++ = '=';
            memcpy(to, value, value_length * sizeof *to);
            to += value_length;
            *to++ = 0;
            placed = true;
        }
        if (!*at)
            break;
        if (order != 0) {
            memcpy(to, at, (length + 1) * sizeof *to);
            to += length + 1;
        }
        at += length + 1;
    }
    *to++ = 0;
    if (to == block + 1)
        *to = 0;
    return block;
}

NTSTATUS environ_set(const uint16_t *name, size_t name_length, const uint16_t *value,
                     size_t value_length)
{
    size_t length;
    NTSTATUS status = STATUS_SUCCESS;
    uint16_t *old = NULL;
    if (!name_length)
        return STATUS_INVALID_PARAMETER;
    for (size_t i = 1; i < name_length; i++)
        if (name[i] == '=')
            return STATUS_INVALID_PARAMETER;
    pthread_mutex_lock(&the_environment.lock);
    if (!value && !environ_find(block_locked(), name, name_length, &length)) {
        status = STATUS_VARIABLE_NOT_FOUND;
    } else {
        uint16_t *block = rebuilt_locked(name, name_length, value, value_length);
        if (block) {
            old = the_environment.block;
            the_environment.block = block;
            if (the_environment.published)
                *the_environment.published = block;
        } else {
            status = STATUS_NO_MEMORY;
        }
    }
    pthread_mutex_unlock(&the_environment.lock);
    free(old);
    return status;
}

NTSTATUS environ_adopt(const uint16_t *block, size_t length)
{
    uint16_t *copy = malloc(length * sizeof *copy);
    if (!copy)
        return STATUS_NO_MEMORY;
    memcpy(copy, block, length * sizeof *copy);
    pthread_mutex_lock(&the_environment.lock);
    uint16_t *old = the_environment.block;
    the_environment.block = copy;
    pthread_mutex_unlock(&the_environment.lock);
    free(old);
    return STATUS_SUCCESS;
}

struct writer {
    uint16_t *to;
    size_t room, length;
};

static void put(struct writer *writer, const uint16_t *text, size_t length)
{
    for (size_t i = 0; i < length; i++, writer->length++)
        if (writer->length < writer->room)
            writer->to[writer->length] = text[i];
}

size_t environ_expand(const uint16_t *block, const uint16_t *text, size_t length, uint16_t *to,
                      size_t room)
{
    struct writer writer = {to, room, 0};
    for (size_t at = 0; at < length;) {
        size_t end = at + 1, value_length;
        const uint16_t *value = NULL;
        if (text[at] == '%') {
            while (end < length && text[end] != '%')
                end++;
            if (end < length)
                value = environ_find(block, text + at + 1, end - at - 1, &value_length);
            /* the '%' that ends an unknown name may begin the next one */
        } else {
            while (end < length && text[end] != '%')
                end++;
        }
        put(&writer, value ? value : text + at, value ? value_length : end - at);
        at = value ? end + 1 : end;
    }
    return writer.length;
}
