/* Generated from spec/. Do not edit. */

#include <winmem/windef.h>
#include "faces.h"
#include "memoryapi/gate.h"
#include "memoryapi/trace.h"

