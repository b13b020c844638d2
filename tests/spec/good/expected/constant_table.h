/* Generated from spec/. Do not edit. */
#pragma once

#define CONSTANT_TABLE \
    X(SMALL_ALL) \
    X(SMALL_ONE) \

