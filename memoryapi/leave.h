/*
 * What has to be done when the process ends in an orderly way: by exit() or a return from main() of
 * a native program, or by ExitProcess of a Windows program. A process that is killed leaves
 * everything to others.
 */
#pragma once

#include <stdbool.h>

/* Once each, the newest first. False: there is no room for it. */
bool leave_register(void (*work)(void));
/* Does what is registered; again: nothing. Other threads may still run. */
void leave_run(void);
