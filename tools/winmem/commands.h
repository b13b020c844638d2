/* One function per command of `winmem`. argv[0] is the command's own name; the result is the exit
 * code. */
#pragma once

int cmd_run(int argc, char **argv);
int cmd_exports(int argc, char **argv);
int cmd_call(int argc, char **argv);
int cmd_gpu(int argc, char **argv);
