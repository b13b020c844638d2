/*
 * What tests must know of builds with sanitizers. The address sanitizer's shadow lies at
 * 0x7FFF8000..0x10007FFF8000, so nothing else can be placed there, in particular no image at
 * 0x140000000. The thread sanitizer leaves a program the lowest 512 GiB and what is above
 * 0x7E8000000000, 1.5 TiB: NARROW.
 */
#pragma once

#if defined(__SANITIZE_THREAD__)
#define NARROW 1
#elif defined(__SANITIZE_ADDRESS__)
#define SHADOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHADOWED 1
#elif __has_feature(thread_sanitizer)
#define NARROW 1
#endif
#endif
#ifndef SHADOWED
#define SHADOWED 0
#endif
#ifndef NARROW
#define NARROW 0
#endif
