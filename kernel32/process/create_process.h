/* Starting other programs; only `winmem run` can. */
#pragma once

#include <stdbool.h>

/*
 * This process is the winmem command: what it starts is the same command again, which runs the
 * other program. `random_base`: as the command was told for the program it runs.
 */
void create_process_allow(bool random_base);
