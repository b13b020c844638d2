/* Undoing frames of native code by the rules of their tables. */
#include "kernel32/process/unwind_native.h"

#include "kernel32/process/frame_rules.h"
#include "kernel32/process/unwind.h"
#include "memoryapi/base.h"
#include "memoryapi/guarded.h"

/* Frames of ours between a bad pointer and the program that passed it. */
#define CLIMB_LIMIT      64
#define EXPRESSION_STACK 16

/* DW_OP_: those that compilers and linkers use to say where a frame is. */
enum {
    EXPRESSION_DEREFERENCE = 0x06,
    EXPRESSION_CONSTANT_1 = 0x08,
    EXPRESSION_CONSTANT_1_SIGNED = 0x09,
    EXPRESSION_AND = 0x1A,
    EXPRESSION_MINUS = 0x1C,
    EXPRESSION_PLUS = 0x22,
    EXPRESSION_PLUS_CONSTANT = 0x23,
    EXPRESSION_SHIFT_LEFT = 0x24,
    EXPRESSION_AT_LEAST = 0x2A,
    EXPRESSION_LITERAL = 0x30,  /* 0 to 31 */
    EXPRESSION_REGISTER = 0x70, /* registers 0 to 31, and an offset */
};

bool unwind_is_native(uint64_t pc)
{
    uint64_t base, size;
    if (unwind_find_module && unwind_find_module(pc, &base, &size))
        return false;
    return frame_is_native(pc);
}

static bool load(uint64_t address, void *ret_value, size_t size)
{
    return guarded_read((const void *)address, ret_value, size);
}

/* A general register, or the return address, by DWARF's number. */
static uint64_t *place_of(CONTEXT *context, unsigned number)
{
    /* the first eight go by names in DWARF, and by the processor's numbers in CONTEXT */
    static const uint8_t order[] = {0, 2, 1, 3, 6, 7, 5, 4};
    if (number == FRAME_RETURN)
        return &context->Rip;
    return &context->Rax + (number < array_length(order) ? order[number] : number);
}

struct calculation {
    uint64_t stack[EXPRESSION_STACK];
    unsigned depth;
};

/* Two values become one. */
static bool combine(struct calculation *values, uint8_t operation)
{
    if (values->depth < 2)
        return false;
    uint64_t right = values->stack[--values->depth], *left = &values->stack[values->depth - 1];
    switch (operation) {
    case EXPRESSION_AND:
        *left &= right;
        return true;
    case EXPRESSION_MINUS:
        *left -= right;
        return true;
    case EXPRESSION_PLUS:
        *left += right;
        return true;
    case EXPRESSION_SHIFT_LEFT:
        *left = right < 64 ? *left << right : 0;
        return true;
    case EXPRESSION_AT_LEAST:
        *left = (int64_t)*left >= (int64_t)right;
        return true;
    default:
        return false;
    }
}

/* One operation whose code has been read. */
static bool calculate(struct calculation *values, CONTEXT *context, uint8_t operation,
                      const uint8_t **at)
{
    uint64_t *top = values->depth ? &values->stack[values->depth - 1] : NULL, value;
    if (operation == EXPRESSION_DEREFERENCE)
        return top && load(*top, top, sizeof *top);
    if (operation == EXPRESSION_PLUS_CONSTANT)
        return top && (*top += frame_read_unsigned(at), true);
    if (operation >= EXPRESSION_LITERAL && operation < EXPRESSION_LITERAL + 32)
        value = operation - EXPRESSION_LITERAL;
    else if (operation >= EXPRESSION_REGISTER && operation <= EXPRESSION_REGISTER + FRAME_RETURN)
        value =
            *place_of(context, operation - EXPRESSION_REGISTER) + (uint64_t)frame_read_signed(at);
    else if (operation == EXPRESSION_CONSTANT_1)
        value = *(*at)++;
    else if (operation == EXPRESSION_CONSTANT_1_SIGNED)
        value = (uint64_t)(int8_t) * (*at)++;
    else
        return combine(values, operation);
    if (values->depth == EXPRESSION_STACK)
        return false;
    values->stack[values->depth++] = value;
    return true;
}

/* `frame`: what is on the stack of values at the beginning, NULL for nothing. */
static bool evaluate(const uint8_t *expression, CONTEXT *context, const uint64_t *frame,
                     uint64_t *ret_value)
{
    struct calculation values = {.depth = 0};
    uint64_t length = frame_read_unsigned(&expression);
    const uint8_t *end = expression + length;
    if (frame)
        values.stack[values.depth++] = *frame;
    while (expression < end) {
        uint8_t operation = *expression++;
        if (!calculate(&values, context, operation, &expression))
            return false;
    }
    *ret_value = values.depth ? values.stack[values.depth - 1] : 0;
    return values.depth != 0;
}

/* The caller's register `number`, from the registers `before`. */
static bool restore(const struct frame_rule *rule, unsigned number, uint64_t frame, CONTEXT *before,
                    CONTEXT *after)
{
    bool wide = number >= FRAME_XMM;
    void *place =
        wide ? (void *)&after->FltSave.XmmRegisters[number - FRAME_XMM] : place_of(after, number);
    uint64_t value = frame + (uint64_t)rule->offset;

    switch (rule->kind) {
    case RULE_SAME:
        return true;
    case RULE_REGISTER:
        if (wide || rule->offset < 0 || rule->offset > FRAME_RETURN)
            return false;
        value = *place_of(before, (unsigned)rule->offset);
        break;
    case RULE_EXPRESSION:
    case RULE_VALUE_EXPRESSION:
        if (!evaluate(rule->expression, before, &frame, &value))
            return false;
        break;
    default:
        break;
    }
    if (rule->kind == RULE_SAVED || rule->kind == RULE_EXPRESSION)
        return load(value, place, wide ? sizeof(M128A) : sizeof value);
    if (wide)
        return false;
    *(uint64_t *)place = value;
    return true;
}

bool unwind_native_frame(CONTEXT *context, bool called, bool *ret_signal)
{
    struct frame_rules rules;
    CONTEXT before = *context;
    uint64_t frame;

    if (!frame_rules_find(context->Rip - called, &rules))
        return false;
    if (rules.address.kind == RULE_REGISTER)
        frame = *place_of(&before, rules.base) + (uint64_t)rules.address.offset;
    else if (rules.address.kind != RULE_EXPRESSION ||
             !evaluate(rules.address.expression, &before, NULL, &frame))
        return false;
    context->Rsp = frame;
    for (unsigned number = 0; number < FRAME_REGISTERS; number++)
        if (!restore(&rules.registers[number], number, frame, &before, context))
            return false;
    *ret_signal = rules.signal;
    /* a stack only falls; the end of one has no way back */
    return rules.registers[FRAME_RETURN].kind != RULE_SAME && context->Rsp > before.Rsp;
}

bool unwind_leave_native(CONTEXT *context)
{
    bool called = false, signal;
    for (unsigned level = 0; unwind_is_native(context->Rip); level++) {
        if (level == CLIMB_LIMIT || !unwind_native_frame(context, called, &signal))
            return false;
        called = !signal;
    }
    return true;
}

bool unwind_capture_caller(CONTEXT *ret_context)
{
    /* what a call preserves; the others come back where the way here has saved them */
    __asm__ volatile("mov %%rbx, %0\n"
                     "mov %%rbp, %1\n"
                     "mov %%r12, %2\n"
                     "mov %%r13, %3\n"
                     "mov %%r14, %4\n"
                     "mov %%r15, %5\n"
                     "mov %%rsp, %6\n"
                     "lea 0f(%%rip), %%rax\n"
                     "0: mov %%rax, %7\n"
                     : "=m"(ret_context->Rbx), "=m"(ret_context->Rbp), "=m"(ret_context->R12),
                       "=m"(ret_context->R13), "=m"(ret_context->R14), "=m"(ret_context->R15),
                       "=m"(ret_context->Rsp), "=m"(ret_context->Rip)
                     :
                     : "rax");
    return unwind_leave_native(ret_context);
}
