/* winmem exports: what the generated table of functions says, for people and for scripts. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memoryapi/exports.h"
#include "tools/winmem/commands.h"

static const char *const status_names[] = {
    [EXPORT_DONE] = "implemented", [EXPORT_PLANNED] = "planned", [EXPORT_REFUSED] = "refused"};

/* A word of the command line picks functions by name, family or module. */
static bool is_picked(const struct export_entry *entry, int count, char **words)
{
    if (count == 0)
        return true;
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], entry->name) == 0 || strcmp(words[i], entry->family) == 0 ||
            export_find(words[i], entry->name) == entry)
            return true;
    return false;
}

static void print_joined(const char *const *names)
{
    for (unsigned i = 0; names[i]; i++)
        printf("%s%s", i ? "," : "", names[i]);
}

static void list(int count, char **words)
{
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        if (is_picked(entry, count, words))
            printf("%-40s %-22s %-16s %s\n", entry->name, entry->modules[0], entry->family,
                   status_names[entry->status]);
    }
}

struct total {
    const char *family;
    unsigned count[3]; /* by export_status */
};

static void print_total(const struct total *total)
{
    unsigned all =
        total->count[EXPORT_DONE] + total->count[EXPORT_PLANNED] + total->count[EXPORT_REFUSED];
    printf("%-20s %4u functions: %4u implemented, %4u planned, %4u refused\n", total->family, all,
           total->count[EXPORT_DONE], total->count[EXPORT_PLANNED], total->count[EXPORT_REFUSED]);
}

static int by_family(const void *a, const void *b)
{
    return strcmp(((const struct total *)a)->family, ((const struct total *)b)->family);
}

static void list_macros(void)
{
    for (const struct export_macro *macro = winmem_macros; macro->name; macro++)
        printf("%s %s macro\n", macro->name, macro->header);
}

/* Rows "function module[,module...] status", an empty line, then totals. */
static int coverage(int count, char **words)
{
    struct total *totals = calloc(winmem_export_count + 1, sizeof *totals), all = {.family = "all"};
    unsigned families = 0;
    if (!totals) {
        fprintf(stderr, "winmem exports: out of memory\n");
        return 1;
    }
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        unsigned f = 0;
        if (!is_picked(entry, count, words))
            continue;
        printf("%s ", entry->name);
        print_joined(entry->modules);
        printf(" %s\n", status_names[entry->status]);
        while (f < families && strcmp(totals[f].family, entry->family) != 0)
            f++;
        if (f == families)
            totals[families++].family = entry->family;
        totals[f].count[entry->status]++;
        all.count[entry->status]++;
    }
    if (count == 0)
        list_macros();
    putchar('\n');
    qsort(totals, families, sizeof *totals, by_family);
    for (unsigned f = 0; f < families; f++)
        print_total(&totals[f]);
    print_total(&all);
    free(totals);
    return 0;
}

/* Rows "function: quirk". */
static int quirks(int count, char **words)
{
    for (unsigned i = 0; i < winmem_export_count; i++) {
        const struct export_entry *entry = &winmem_exports[i];
        if (entry->quirk && is_picked(entry, count, words))
            printf("%s: %s\n", entry->name, entry->quirk);
    }
    return 0;
}

struct member {
    const char *set;
    const struct export_entry *entry;
};

static int by_set(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    int order = strcmp(x->set, y->set);
    return order ? order : strcmp(x->entry->name, y->entry->name);
}

/* Rows "api set, function, module behind it". */
static int apisets(int count, char **words)
{
    struct member *members = NULL;
    size_t used = 0, room = 0;
    for (unsigned i = 0; i < winmem_export_count; i++)
        for (const char *const *set = winmem_exports[i].apisets; *set; set++) {
            if (!is_picked(&winmem_exports[i], count, words))
                continue;
            if (used == room) {
                room = room ? room * 2 : 256;
                struct member *more = realloc(members, room * sizeof *members);
                if (!more) {
                    free(members);
                    fprintf(stderr, "winmem exports: out of memory\n");
                    return 1;
                }
                members = more;
            }
            members[used++] = (struct member){*set, &winmem_exports[i]};
        }
    if (used)
        qsort(members, used, sizeof *members, by_set);
    for (size_t i = 0; i < used; i++)
        printf("%-44s %-40s %s\n", members[i].set, members[i].entry->name,
               members[i].entry->modules[0]);
    free(members);
    return 0;
}

int cmd_exports(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--coverage") == 0)
        return coverage(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "--apisets") == 0)
        return apisets(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "--quirks") == 0)
        return quirks(argc - 2, argv + 2);
    if (argc > 1 && argv[1][0] == '-') {
        fprintf(stderr, "usage: winmem exports [--coverage | --apisets | --quirks] "
                        "[FUNCTION | FAMILY | MODULE]...\n");
        return 2;
    }
    list(argc - 1, argv + 1);
    return 0;
}
