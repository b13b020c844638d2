/*
 * Static thread-local storage (.tls sections): each module with one has an index, and each thread
 * an array of blocks, one for each index, at TEB.ThreadLocalStoragePointer. The array has room for
 * all indices from the start, so that a library that comes later finds its place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/loader/module.h"
#include "kernel32/process/teb.h"
#include "kernel32/process/thread.h"

/* Under the loader lock. */
static struct module *owners[TLS_MODULES];

/* A block is freed with its thread or module; the array in front of it is the thread's. */
static void *make_block(const struct module *module)
{
    char *block = calloc(1, (size_t)module->tls.template_size + module->tls.zeros + 16);
    if (block)
        memcpy(block, (const void *)(module->base + module->tls.template_rva),
               module->tls.template_size);
    return block;
}

struct addition {
    struct module *module;
    bool failed;
};

static void add_to_thread(struct thread *thread, void *context)
{
    struct addition *addition = context;
    struct teb *teb = thread->teb;
    if (!teb || addition->failed)
        return;
    if (!teb->tls_blocks)
        teb->tls_blocks = calloc(TLS_MODULES, sizeof(void *));
    void *block = teb->tls_blocks ? make_block(addition->module) : NULL;
    addition->failed = !block;
    if (block)
        teb->tls_blocks[addition->module->tls_index] = block;
}

static void remove_from_thread(struct thread *thread, void *context)
{
    const struct module *module = context;
    if (!thread->teb || !thread->teb->tls_blocks)
        return;
    free(thread->teb->tls_blocks[module->tls_index]);
    thread->teb->tls_blocks[module->tls_index] = NULL;
}

NTSTATUS tls_static_add(struct module *module, struct image_failure *ret_failure)
{
    struct addition addition = {.module = module};
    uint32_t index = 0;
    while (index < TLS_MODULES && owners[index])
        index++;
    if (index == TLS_MODULES) {
        snprintf(ret_failure->text, sizeof ret_failure->text,
                 "more than %d modules have thread-local storage", TLS_MODULES);
        module->has_tls = false;
        return STATUS_NO_MEMORY;
    }
    owners[index] = module;
    module->tls_index = index;
    module->entry.tls_index = 0xFFFF;
    memcpy((void *)(module->base + module->tls.index_rva), &index, sizeof index);
    thread_for_each(add_to_thread, &addition);
    return addition.failed ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

void tls_static_remove(struct module *module)
{
    if (owners[module->tls_index] != module)
        return;
    thread_for_each(remove_from_thread, module);
    owners[module->tls_index] = NULL;
}

NTSTATUS tls_static_thread(void)
{
    struct teb *teb = thread_self()->teb;
    for (uint32_t i = 0; i < TLS_MODULES; i++) {
        if (!owners[i])
            continue;
        if (!teb->tls_blocks)
            teb->tls_blocks = calloc(TLS_MODULES, sizeof(void *));
        if (!teb->tls_blocks)
            return STATUS_NO_MEMORY;
        if (!teb->tls_blocks[i] && !(teb->tls_blocks[i] = make_block(owners[i])))
            return STATUS_NO_MEMORY;
    }
    return STATUS_SUCCESS;
}

void tls_static_thread_ends(void)
{
    struct teb *teb = thread_self()->teb;
    for (uint32_t i = 0; teb->tls_blocks && i < TLS_MODULES; i++)
        free(teb->tls_blocks[i]);
    free(teb->tls_blocks);
    teb->tls_blocks = NULL;
}
