/*
 * The console: the terminal of the host, when a standard handle leads to one. It speaks UTF-8 and
 * ANSI sequences; Windows' calls become both. What leads elsewhere is a plain file, and console
 * functions refuse it (ERROR_INVALID_HANDLE), as programs expect that fall back to WriteFile.
 *
 * There is one console, so modes, colours, title and pending input are the process's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <winmem/windef.h>
#include "kernel32/process/file.h"

enum { STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR, STANDARD_COUNT };

/*
 * Handles for the descriptors 0, 1 and 2, in the process parameters of the PEB when there is one.
 * Called at start, or by the first GetStdHandle. A closed descriptor has no handle.
 */
void console_standard_init(void);

/* The standard handle is this one (NULL: there is none), whatever the descriptor leads to. Before
 * console_standard_init. */
void console_standard_give(unsigned index, HANDLE handle);

/* A reference to the terminal behind a handle; STATUS_INVALID_HANDLE for everything else. */
NTSTATUS console_lookup(HANDLE handle, struct file **ret_file);
/* Input or output: with a terminal both are the same device. */
bool console_is_input(const struct file *file);

#define CONSOLE_PROCESSED_INPUT 0x001u
#define CONSOLE_LINE_INPUT      0x002u
#define CONSOLE_ECHO_INPUT      0x004u
uint32_t console_input_mode(void);

/* CTRL+C is ignored, which a child inherits (console_ctrl.c). */
bool console_ignores_c(void);

/* Writes all of it; a thread that waits for the terminal can be stopped meanwhile. */
NTSTATUS console_write(struct file *file, const char *bytes, size_t size);
NTSTATUS console_write_wide(struct file *file, const uint16_t *text, size_t length);
/* Forgets the input that was read ahead. */
void console_input_flush(void);
