/* winmem run: an unmodified Windows program on this machine. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel32/loader/run.h"
#include "memoryapi/limits.h"
#include "memoryapi/pressure.h"
#include "memoryapi/privilege.h"
#include "memoryapi/setting.h"
#include "memoryapi/trace.h"
#include "tools/winmem/commands.h"

#define USAGE 2

/* Long options without a letter. */
enum {
    OPTION_COMMIT_LIMIT = 256,
    OPTION_ADDRESS_SPACE,
    OPTION_PRESSURE,
    OPTION_OFFER_BUDGET,
    OPTION_FAIL_ALLOCATION,
    OPTION_START_RECORD
};

static const char help[] =
    "usage: winmem run [options] program.exe [arguments]\n"
    "\n"
    "  --imports            list what the program imports and who answers, without running it\n"
    "  --aslr               put the program at a random base when it allows that\n"
    "  --privilege NAME     hold this privilege too (SeLockMemoryPrivilege, ...); may be repeated\n"
    "  --commit-limit SIZE  let no more than SIZE be committed (512M, 2G, ...)\n"
    "  --address-space SIZE let no more than SIZE be reserved\n"
    "  --pressure SIZE      pretend that no more than SIZE of memory is available; @FILE holds "
    "one\n"
    "  --offer-budget SIZE  discard what is offered beyond SIZE, by priority, then age\n"
    "  --fail-allocation SEED[:N]\n"
    "                       let one in N (16) allocations of the program fail, chosen by SEED\n"
    "  --trace[=family,..]  print every call of the Windows API to stderr (of these families)\n"
    "\n"
    "The exit code is the program's; 2: usage, 126: cannot be run, 127: no such file.\n";

/* Adds to WINMEM_PRIVILEGES, which the programs that this one starts get as well. */
static bool add_privilege(const char *name)
{
    const char *before = getenv("WINMEM_PRIVILEGES");
    char *all = NULL;
    if (!privilege_number(name)) {
        fprintf(stderr, "winmem: %s: no such privilege\n", name);
        return false;
    }
    if (asprintf(&all, "%s%s%s", before ? before : "", before && *before ? "," : "", name) < 0)
        return false;
    bool added = setenv("WINMEM_PRIVILEGES", all, 1) == 0;
    free(all);
    return added;
}

/*
 * Options that are an environment variable, so that what the program starts, and programs that are
 * run in other ways, can have them too.
 */
static bool set_limit(int option, const char *text)
{
    uint64_t number, other;
    bool size = setting_size(text, &number);
    switch (option) {
    case OPTION_COMMIT_LIMIT:
        return size && setenv("WINMEM_COMMIT_LIMIT", text, 1) == 0;
    case OPTION_ADDRESS_SPACE:
        return size && setenv("WINMEM_ADDRESS_SPACE", text, 1) == 0;
    case OPTION_OFFER_BUDGET:
        return size && setenv("WINMEM_OFFER_BUDGET", text, 1) == 0;
    case OPTION_PRESSURE:
        if ((!size && text[0] != '@') || setenv("WINMEM_AVAILABLE", text, 1) != 0)
            return false;
        pressure_read_setting(); /* which was read at the start */
        return true;
    default:
        return limits_read_failing(text, &number, &other) &&
               setenv("WINMEM_FAIL_ALLOCATION", text, 1) == 0;
    }
}

static const char *kind_of_value(int option)
{
    return option == OPTION_FAIL_ALLOCATION ? "SEED or SEED:N" : "size (a number, or with K, M, G)";
}

/* The programs that this one starts are traced as well. */
static bool trace(const char *families)
{
    return trace_start(families, getenv("WINMEM_TRACE_FILE")) &&
           setenv("WINMEM_TRACE", families, 1) == 0;
}

static const struct option options[] = {
    {"imports", no_argument, NULL, 'i'},
    {"aslr", no_argument, NULL, 'a'},
    {"privilege", required_argument, NULL, 'p'},
    {"commit-limit", required_argument, NULL, OPTION_COMMIT_LIMIT},
    {"address-space", required_argument, NULL, OPTION_ADDRESS_SPACE},
    {"pressure", required_argument, NULL, OPTION_PRESSURE},
    {"offer-budget", required_argument, NULL, OPTION_OFFER_BUDGET},
    {"fail-allocation", required_argument, NULL, OPTION_FAIL_ALLOCATION},
    {"trace", optional_argument, NULL, 't'},
    /* from a Windows program that starts another one (kernel32/process/start_record.h) */
    {"start-record", required_argument, NULL, OPTION_START_RECORD},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* One option is heeded: GO_ON, or the command ends with this exit code. */
#define GO_ON (-1)
static int heed(int option, struct run_options *run, bool *ret_imports)
{
    switch (option) {
    case 'i':
        *ret_imports = true;
        return GO_ON;
    case 'a':
        run->random_base = true;
        return GO_ON;
    case 'p':
        return add_privilege(optarg) ? GO_ON : USAGE;
    case OPTION_COMMIT_LIMIT ... OPTION_FAIL_ALLOCATION:
        if (set_limit(option, optarg))
            return GO_ON;
        fprintf(stderr, "winmem: '%s' is no %s\n", optarg, kind_of_value(option));
        return USAGE;
    case 't':
        return trace(optarg ? optarg : "all") ? GO_ON : 1;
    case OPTION_START_RECORD:
        run->record = atoi(optarg);
        return GO_ON;
    case 'h':
        fputs(help, stdout);
        return 0;
    default:
        fputs(help, stderr);
        return USAGE;
    }
}

int cmd_run(int argc, char **argv)
{
    struct run_options run = {0};
    bool imports = false;
    int option, end = GO_ON;

    /* "+": what follows the program's name is the program's */
    while (end == GO_ON && (option = getopt_long(argc, argv, "+h", options, NULL)) != -1)
        end = heed(option, &run, &imports);
    if (end != GO_ON)
        return end;
    if (optind == argc) {
        fputs(help, stderr);
        return USAGE;
    }
    return imports ? run_list_imports(argv[optind])
                   : run_program(argv[optind], argc - optind, argv + optind, environ, &run);
}
