/*
 * Starting another program. What is started is this test again (create_process.c), which ends at
 * once when it is told to run something (runner.c); the file only has to look like a program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "faces.h"
#include "kernel32/process/create_process.h"
#include "tests/fault/failing.h"
#include "tests/fault/scenario.h"

#define NT       0x40u
#define OPTIONAL (NT + 24)
#define SECTION  (OPTIONAL + 240)
#define PATIENCE 30000u /* ms */

static char path[] = "Z:/tmp/winmem-program-XXXXXX";
static PROCESS_INFORMATION child;
static HANDLE ends[2]; /* of an inheritable pipe */

static void put(uint8_t *file, unsigned at, uint64_t value, unsigned width)
{
    memcpy(file + at, &value, width);
}

/* Headers and one section of code. */
static void make_program(void)
{
    static uint8_t file[0x800];
    memcpy(file, "MZ", 2);
    put(file, 60, NT, 4);
    memcpy(file + NT, "PE", 2);
    put(file, NT + 4, 0x8664, 2);
    put(file, NT + 6, 1, 2);
    put(file, NT + 20, 240, 2);
    put(file, NT + 22, 3, 2);
    put(file, OPTIONAL, 0x20B, 2);
    put(file, OPTIONAL + 16, 0x1010, 4);
    put(file, OPTIONAL + 24, 0x140000000, 8);
    put(file, OPTIONAL + 32, 0x1000, 4);
    put(file, OPTIONAL + 36, 0x200, 4);
    put(file, OPTIONAL + 56, 0x2000, 4);
    put(file, OPTIONAL + 60, 0x400, 4);
    put(file, OPTIONAL + 68, 3, 2);
    put(file, OPTIONAL + 72, 0x100000, 8);
    put(file, OPTIONAL + 108, 16, 4);
    put(file, SECTION + 8, 0x400, 4);
    put(file, SECTION + 12, 0x1000, 4);
    put(file, SECTION + 16, 0x400, 4);
    put(file, SECTION + 20, 0x400, 4);
    put(file, SECTION + 36, 0x60000020, 4);
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int fd = mkstemp(path + 2);
    CHECK(fd >= 0 && write(fd, file, sizeof file) == sizeof file && close(fd) == 0);
}

/* Of a child that has ended: itself and its program's name. */
#define CHILD_BLOCKS 2

/* The thread that watched gives back what it held when it likes. */
static void await_blocks(long wanted)
{
    for (unsigned i = 0; i < 500 && failing_live_blocks() != wanted; i++)
        usleep(1000);
}

/* a: flags; b: with handles */
static NTSTATUS do_start(const struct step *step)
{
    STARTUPINFOA startup = {.cb = sizeof startup, .lpTitle = (char *)"title"};
    long blocks = failing_live_blocks();
    PROCESS_INFORMATION made = {0};
    create_process_allow(false);
    if (!path[strlen(path) - 1] || access(path + 2, R_OK) != 0)
        make_program();
    BOOL done = k32_CreateProcessA(path, NULL, NULL, NULL, (BOOL)step->b, step->a, NULL, NULL,
                                   &startup, &made);
    CHECK(done || (!made.hProcess && !made.hThread && !made.dwProcessId));
    if (done)
        child = made;
    else
        await_blocks(blocks);
    return of_bool(done);
}

/*
 * The longer way: a command line alone, an environment, a directory, a title, and a list with the one
 * handle that is inherited.
 */
static NTSTATUS do_start_with_all(const struct step *step)
{
    static char environment[] = "A=1\0B=two\0";
    static _Alignas(16) char room[256];
    char line[64];
    SIZE_T size = sizeof room;
    PROCESS_INFORMATION made = {0};
    struct {
        STARTUPINFOA startup;
        void *attributes;
    } extended = {{.cb = sizeof extended, .lpTitle = (char *)"title", .lpDesktop = (char *)"desk"},
                  room};
    long blocks = failing_live_blocks();
    create_process_allow(false);
    if (access(path + 2, R_OK) != 0)
        make_program();
    snprintf(line, sizeof line, "%s +argument", path);
    failing_off(); /* the list is not what this is about */
    CHECK(k32_InitializeProcThreadAttributeList((void *)room, 1, 0, &size));
    CHECK(k32_UpdateProcThreadAttribute((void *)room, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                        &ends[1], sizeof ends[1], NULL, NULL));
    failing_on();
    BOOL done =
        k32_CreateProcessA(NULL, line, NULL, NULL, TRUE, step->a | EXTENDED_STARTUPINFO_PRESENT,
                           environment, "Z:/tmp", (STARTUPINFOA *)&extended, &made);
    CHECK(done || (!made.hProcess && !made.hThread && !made.dwProcessId));
    if (done)
        child = made;
    else
        await_blocks(blocks);
    return of_bool(done);
}

static NTSTATUS do_resume(const struct step *step)
{
    DWORD previous = k32_ResumeThread(child.hThread);
    (void)step;
    CHECK(previous == 1 || previous == (DWORD)-1);
    return of_bool(previous != (DWORD)-1);
}

/* a: its exit code */
static NTSTATUS do_finish(const struct step *step)
{
    DWORD code = 7;
    CHECK(k32_WaitForSingleObject(child.hProcess, PATIENCE) == 0);
    CHECK(k32_GetExitCodeProcess(child.hProcess, &code) && code == step->a);
    long blocks = failing_live_blocks();
    CHECK(k32_CloseHandle(child.hProcess) && k32_CloseHandle(child.hThread));
    await_blocks(blocks - CHILD_BLOCKS);
    return STATUS_SUCCESS;
}

static NTSTATUS do_end(const struct step *step)
{
    return of_bool(k32_TerminateProcess(child.hProcess, step->a));
}

/* An inheritable pipe, which a later step closes. */
static NTSTATUS do_pipe(const struct step *step)
{
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, TRUE};
    (void)step;
    failing_off(); /* pipes are not what this is about */
    BOOL done = k32_CreatePipe(&ends[0], &ends[1], &attributes, 0);
    failing_on();
    return of_bool(done);
}

static NTSTATUS do_close_pipe(const struct step *step)
{
    (void)step;
    CHECK(k32_CloseHandle(ends[0]) && k32_CloseHandle(ends[1]));
    return STATUS_SUCCESS;
}

static void after(void)
{
    unlink(path + 2);
}

const struct scenario child_scenarios[] = {
    {"another program, from its beginning to its end",
     "CreateProcessA CreateProcessW",
     {{do_pipe, 0, 0, 0, 0, 0},
      {do_start, 0, 0, 0, TRUE, 0},
      {do_finish, 0, 0, 0, 0, 0},
      {do_close_pipe, 0, 0, 0, 0, 0}},
     after},
    {"another program, told everything",
     "CreateProcessA",
     {{do_pipe, 0, 0, 0, 0, 0},
      {do_start_with_all, 0, 0, CREATE_SUSPENDED, 0, 0},
      {do_resume, 0, 0, 0, 0, 0},
      {do_finish, 0, 0, 0, 0, 0},
      {do_close_pipe, 0, 0, 0, 0, 0}},
     after},
    {"another program, resumed and ended",
     "ResumeThread TerminateProcess",
     {{do_start, 0, 0, CREATE_SUSPENDED, FALSE, 0},
      {do_end, 0, 0, 99, 0, 0},
      {do_finish, 0, 0, 99, 0, 0},
      {do_start, 0, 0, CREATE_SUSPENDED, FALSE, 0},
      {do_resume, 0, 0, 0, 0, 0},
      {do_finish, 0, 0, 0, 0, 0}},
     after},
    {0},
};
