/* What a program would need: read from its file, without running it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel32/loader/module.h"
#include "kernel32/loader/run.h"
#include "kernel32/process/path.h"
#include "memoryapi/exports.h"

struct count {
    unsigned all, missing;
};

static const char *const states[] = {"implemented", "planned", "refused"};

/* Who answers: the state of our own function, a library file, or nobody. */
static const char *answer(const char *module, const struct image_thunk *thunk,
                          struct image *library)
{
    struct image_symbol symbol;
    const struct export_entry *entry = library       ? NULL
                                       : thunk->name ? export_find(module, thunk->name)
                                                     : export_find_ordinal(module, thunk->ordinal);
    if (entry)
        return states[entry->status];
    return library && image_export(library, thunk->name, thunk->ordinal, &symbol) ? "in a file"
                                                                                  : "missing";
}

static struct image *library_file(const char *module)
{
    struct image_failure failure;
    struct image *image = NULL;
    char *path = search_is_system(module) ? NULL
                 : builtin_name(module)   ? search_beside_program(module)
                                          : search_library(module);
    if (path && image_open(path, &image, &failure) != STATUS_SUCCESS)
        image = NULL;
    free(path);
    return image;
}

static bool list_library(const struct image *image, const struct image_import *import,
                         struct count *count, struct image_failure *failure)
{
    struct image *library = library_file(import->module);
    struct image_thunk thunk;
    enum image_step step;
    for (unsigned i = 0; (step = image_thunk(image, import, i, &thunk, failure)) == IMAGE_MORE;
         i++) {
        const char *state = answer(import->module, &thunk, library);
        count->all++;
        count->missing += strcmp(state, "missing") == 0;
        if (thunk.name)
            printf("%s!%s  %s%s\n", import->module, thunk.name, state,
                   import->delayed ? " (delayed)" : "");
        else
            printf("%s!#%u  %s%s\n", import->module, thunk.ordinal, state,
                   import->delayed ? " (delayed)" : "");
    }
    image_close(library);
    return step == IMAGE_END;
}

static bool list_all(const struct image *image, bool delayed, struct count *count,
                     struct image_failure *failure)
{
    struct image_import import;
    enum image_step step;
    for (unsigned i = 0; (step = image_import(image, delayed, i, &import, failure)) == IMAGE_MORE;
         i++)
        if (!list_library(image, &import, count, failure))
            return false;
    return step == IMAGE_END;
}

int run_list_imports(const char *host_path)
{
    struct image_failure failure = {.text = "no memory"};
    struct image *image;
    struct count count = {0};
    NTSTATUS status = image_open(host_path, &image, &failure);
    path_init();
    search_set_program(host_path);
    bool good = status == STATUS_SUCCESS && list_all(image, false, &count, &failure) &&
                list_all(image, true, &count, &failure);
    if (status == STATUS_SUCCESS)
        image_close(image);
    if (!good) {
        fprintf(stderr, "winmem: %s: %s\n", host_path, failure.text);
        return status == errno_to_status(ENOENT) ? RUN_NOT_FOUND : RUN_CANNOT_RUN;
    }
    printf("%u imports, %u missing\n", count.all, count.missing);
    return count.missing ? 1 : 0;
}
