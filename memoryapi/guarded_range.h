/*
 * Where a guarded copy may fault, and where it then goes on: between guarded.c and the fault door
 * only.
 */
#pragma once

extern const char winmem_guarded_copy[], winmem_guarded_failed[];
