/*
 * What tests must know of a build with the address sanitizer: its shadow lies at
 * 0x7FFF8000..0x10007FFF8000, so nothing else can be placed there, in particular no image at
 * 0x140000000.
 */
#pragma once

#ifdef __SANITIZE_ADDRESS__
#define SHADOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHADOWED 1
#endif
#endif
#ifndef SHADOWED
#define SHADOWED 0
#endif
