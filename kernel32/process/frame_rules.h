/*
 * What compilers and assembler leave about the frames of native code (.eh_frame): for a program
 * counter, where the caller's registers are. The tables lie in the library, in the C library, and
 * in whatever else of the host's is loaded, and are trusted.
 *
 * Sources: System V ABI for AMD64, 3.7 (numbers of registers); DWARF 5, 6.4 (call frame
 * information); Linux Standard Base 5.0, core, 10.6 (.eh_frame and .eh_frame_hdr).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The numbers of DWARF's for x86-64. */
enum {
    FRAME_RBP = 6,
    FRAME_RSP = 7,
    FRAME_RETURN = 16, /* the return address */
    FRAME_XMM = 17,    /* xmm0; the others follow */
    FRAME_REGISTERS = FRAME_XMM + 16
};

enum frame_rule_kind {
    RULE_SAME,            /* as it is */
    RULE_SAVED,           /* in memory at the frame's address + offset */
    RULE_VALUE,           /* is the frame's address + offset */
    RULE_REGISTER,        /* in register `offset` */
    RULE_EXPRESSION,      /* in memory where the expression says */
    RULE_VALUE_EXPRESSION /* is what the expression says */
};

struct frame_rule {
    enum frame_rule_kind kind;
    union {
        int64_t offset;
        const uint8_t *expression; /* a length as ULEB128, then operations (DWARF 5, 2.5) */
    };
};

struct frame_rules {
    /* the frame's address: RULE_REGISTER: `base` + offset; RULE_EXPRESSION */
    struct frame_rule address;
    unsigned base;
    struct frame_rule registers[FRAME_REGISTERS];
    bool signal; /* the frame of a signal: its return address is no call's */
};

/* Whether `pc` is in code that the host has loaded. */
bool frame_is_native(uint64_t pc);
/* False: `pc` is in no native code, or nothing is known of it. */
bool frame_rules_find(uint64_t pc, struct frame_rules *ret_rules);

/* LEB128 numbers; *at is moved behind them. */
uint64_t frame_read_unsigned(const uint8_t **at);
int64_t frame_read_signed(const uint8_t **at);
