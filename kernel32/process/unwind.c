/*
 * Undoes frames from unwind data: prologues by their codes, epilogues by their instructions,
 * chained entries.
 */
#include "kernel32/process/unwind.h"

#include "memoryapi/base.h"
#include "memoryapi/guarded.h"

/* An unwind chain or a prologue longer than this is damaged data. */
#define CHAIN_LIMIT 32

enum unwind_code {
    UWOP_PUSH_NONVOL = 0,
    UWOP_ALLOC_LARGE = 1,
    UWOP_ALLOC_SMALL = 2,
    UWOP_SET_FPREG = 3,
    UWOP_SAVE_NONVOL = 4,
    UWOP_SAVE_NONVOL_FAR = 5,
    UWOP_EPILOG = 6, /* version 2 only: describes epilogues; nothing to undo */
    UWOP_SPARE = 7,
    UWOP_SAVE_XMM128 = 8,
    UWOP_SAVE_XMM128_FAR = 9,
    UWOP_PUSH_MACHFRAME = 10
};

/* UNWIND_INFO's fixed part. */
struct unwind_info {
    uint8_t version_flags; /* version: low 3 bits */
    uint8_t prologue;      /* bytes */
    uint8_t count;         /* of code slots, 2 bytes each */
    uint8_t frame;         /* register: low 4 bits; offset / 16: high 4 bits */
    /* offset in prologue: low byte; operation: 4 bits; information: 4 bits */
    uint16_t codes[256];
};

static uint64_t *integer_register(CONTEXT *context, unsigned number)
{
    /*
     * RAX RCX RDX RBX RSP RBP RSI RDI R8..R15 follow each other in CONTEXT in the processor's own
     * numbering
     */
    return &context->Rax + number;
}

static bool load(uint64_t address, void *ret_value, size_t size)
{
    return guarded_read((const void *)address, ret_value, size);
}

static bool pop(CONTEXT *context, uint64_t *ret_value)
{
    if (!load(context->Rsp, ret_value, sizeof *ret_value))
        return false;
    context->Rsp += sizeof *ret_value;
    return true;
}

/*
 * Reads the fixed part and as many code slots as it announces. Codes of info->count may be odd: an
 * unused slot pads them.
 */
static bool read_info(uint64_t image_base, uint32_t rva, struct unwind_info *ret_info)
{
    uint64_t address = image_base + rva;
    return is_aligned(rva, 4) && load(address, ret_info, 4) &&
           load(address + 4, ret_info->codes, sizeof ret_info->codes[0] * ret_info->count);
}

static unsigned slots_of(unsigned operation, unsigned information)
{
    switch (operation) {
    case UWOP_ALLOC_LARGE:
        return information ? 3 : 2;
    case UWOP_SAVE_NONVOL:
    case UWOP_SAVE_XMM128:
    case UWOP_EPILOG:
        return 2;
    case UWOP_SAVE_NONVOL_FAR:
    case UWOP_SAVE_XMM128_FAR:
    case UWOP_SPARE:
        return 3;
    default:
        return 1;
    }
}

/* The operand in the slots after the code: one slot scaled, or two slots as they are. */
static uint64_t operand(const struct unwind_info *info, unsigned slot, bool wide, unsigned scale)
{
    if (wide)
        return info->codes[slot + 1] | (uint64_t)info->codes[slot + 2] << 16;
    return (uint64_t)info->codes[slot + 1] * scale;
}

static bool undo_machine_frame(CONTEXT *context, bool error_code)
{
    uint64_t frame = context->Rsp + (error_code ? 8 : 0), rip, rsp;
    if (!load(frame, &rip, 8) || !load(frame + 24, &rsp, 8))
        return false;
    context->Rip = rip;
    context->Rsp = rsp;
    return true;
}

/* Undoes the code in `slot`. *ret_trap: it was a machine frame, which restores RIP itself. */
static bool undo(const struct unwind_info *info, unsigned slot, CONTEXT *context, uint64_t frame,
                 bool *ret_trap)
{
    unsigned operation = info->codes[slot] >> 8 & 15, information = info->codes[slot] >> 12;

    switch (operation) {
    case UWOP_PUSH_NONVOL:
        return pop(context, integer_register(context, information));
    case UWOP_ALLOC_LARGE:
        context->Rsp += operand(info, slot, information != 0, 8);
        return true;
    case UWOP_ALLOC_SMALL:
        context->Rsp += information * 8u + 8;
        return true;
    case UWOP_SET_FPREG:
        context->Rsp = *integer_register(context, info->frame & 15) - (info->frame >> 4) * 16u;
        return true;
    case UWOP_SAVE_NONVOL:
        return load(frame + operand(info, slot, false, 8), integer_register(context, information),
                    8);
    case UWOP_SAVE_NONVOL_FAR:
        return load(frame + operand(info, slot, true, 1), integer_register(context, information),
                    8);
    case UWOP_SAVE_XMM128:
        return load(frame + operand(info, slot, false, 16),
                    (char *)&context->FltSave.XmmRegisters[information], 16);
    case UWOP_SAVE_XMM128_FAR:
        return load(frame + operand(info, slot, true, 1),
                    (char *)&context->FltSave.XmmRegisters[information], 16);
    case UWOP_PUSH_MACHFRAME:
        *ret_trap = true;
        return undo_machine_frame(context, information != 0);
    default:
        return operation == UWOP_EPILOG || operation == UWOP_SPARE;
    }
}

/*
 * The base that register saves are relative to: the frame register less its offset once SET_FPREG
 * was done, else RSP. `offset` is how far into the function the program counter is (past the whole
 * prologue: any large number).
 */
static uint64_t frame_base(const struct unwind_info *info, uint64_t offset, CONTEXT *context)
{
    if ((info->frame & 15) == 0)
        return context->Rsp;
    if (offset < info->prologue) {
        bool set = false;
        for (unsigned slot = 0; slot < info->count;
             slot += slots_of(info->codes[slot] >> 8 & 15, info->codes[slot] >> 12))
            if ((info->codes[slot] >> 8 & 15) == UWOP_SET_FPREG)
                set = offset >= (info->codes[slot] & 0xFF);
        if (!set)
            return context->Rsp;
    }
    return *integer_register(context, info->frame & 15) - (info->frame >> 4) * 16u;
}

static bool undo_prologue(const struct unwind_info *info, uint64_t offset, CONTEXT *context,
                          uint64_t frame, bool *ret_trap)
{
    for (unsigned slot = 0; slot < info->count;) {
        unsigned operation = info->codes[slot] >> 8 & 15,
                 next = slot + slots_of(operation, info->codes[slot] >> 12);
        if (next > info->count)
            return false;
        /* only what the prologue had already done */
        if (offset >= (info->codes[slot] & 0xFF) && !undo(info, slot, context, frame, ret_trap))
            return false;
        slot = next;
    }
    return true;
}

/*
 * How long the epilogue instruction at `code` is, and what it does; 0: not one an epilogue may
 * have.
 */
enum epilogue {
    EPILOGUE_NONE,
    EPILOGUE_ADD,
    EPILOGUE_LEA,
    EPILOGUE_POP,
    EPILOGUE_RET,
    EPILOGUE_RET_N,
    EPILOGUE_JMP
};

struct instruction {
    enum epilogue kind;
    unsigned length;
    int64_t value; /* added to RSP; displacement of LEA; bytes of RET n */
    unsigned reg;  /* popped, or LEA's base */
};

static struct instruction decode_lea(const uint8_t *code, unsigned rex)
{
    struct instruction result = {.reg = (code[1] & 7) | (rex & 1) << 3};
    unsigned mode = code[1] >> 6;
    if ((code[1] & 0x38) != 0x20 || (code[1] & 7) == 4) /* into RSP, from a plain base */
        return result;
    if (mode == 1)
        result = (struct instruction){EPILOGUE_LEA, 4, (int8_t)code[2], result.reg};
    else if (mode == 2)
        result = (struct instruction){
            EPILOGUE_LEA, 7,
            (int32_t)(code[2] | code[3] << 8 | code[4] << 16 | (uint32_t)code[5] << 24),
            result.reg};
    return result;
}

static struct instruction decode(const uint8_t *code)
{
    if (code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xC4)
        return (struct instruction){EPILOGUE_ADD, 4, (int8_t)code[3], 0};
    if (code[0] == 0x48 && code[1] == 0x81 && code[2] == 0xC4)
        return (struct instruction){
            EPILOGUE_ADD, 7,
            (int32_t)(code[3] | code[4] << 8 | code[5] << 16 | (uint32_t)code[6] << 24), 0};
    if ((code[0] & 0xFE) == 0x48 && code[1] == 0x8D)
        return decode_lea(code + 1, code[0]);
    if ((code[0] & 0xF8) == 0x58)
        return (struct instruction){EPILOGUE_POP, 1, 0, code[0] & 7};
    if (code[0] == 0x41 && (code[1] & 0xF8) == 0x58)
        return (struct instruction){EPILOGUE_POP, 2, 0, (code[1] & 7) + 8u};
    if (code[0] == 0xC3)
        return (struct instruction){EPILOGUE_RET, 1, 0, 0};
    if (code[0] == 0xF3 && code[1] == 0xC3)
        return (struct instruction){EPILOGUE_RET, 2, 0, 0};
    if (code[0] == 0xC2)
        return (struct instruction){EPILOGUE_RET_N, 3, code[1] | code[2] << 8, 0};
    if (code[0] == 0xEB)
        return (struct instruction){EPILOGUE_JMP, 2, (int8_t)code[1], 0};
    if (code[0] == 0xE9)
        return (struct instruction){
            EPILOGUE_JMP, 5,
            (int32_t)(code[1] | code[2] << 8 | code[3] << 16 | (uint32_t)code[4] << 24), 0};
    if (code[0] == 0xFF && code[1] == 0x25) /* jmp [rip+disp]: a tail call through an import */
        return (struct instruction){EPILOGUE_JMP, 6, INT64_MAX, 0};
    /* rex.w jmp r/m: a tail call by rule */
    if (code[0] == 0x48 && code[1] == 0xFF && (code[2] & 0x38) == 0x20)
        return (struct instruction){EPILOGUE_JMP, 3, INT64_MAX, 0};
    return (struct instruction){EPILOGUE_NONE, 0, 0, 0};
}

/*
 * The ABI lets an epilogue be only: add rsp,n or lea rsp,[fp+n]; pops; ret or a tail jump. If the
 * code at `pc` is the rest of one, it is played on a copy of the context. A jump that stays inside
 * the function is no tail call.
 */
static bool play_epilogue(uint64_t pc, uint64_t begin, uint64_t end, CONTEXT *context)
{
    CONTEXT *to = context;
    uint64_t saved[16], value;
    for (unsigned i = 0; i < 16; i++)
        saved[i] = *integer_register(context, i);
    for (unsigned step = 0; step < CHAIN_LIMIT; step++) {
        uint8_t code[8] = {0};
        if (!load(pc, code, sizeof code) && !load(pc, code, 1))
            break;
        struct instruction at = decode(code);
        if (at.kind == EPILOGUE_NONE ||
            ((at.kind == EPILOGUE_ADD || at.kind == EPILOGUE_LEA) && step != 0))
            break;
        pc += at.length;
        if (at.kind == EPILOGUE_ADD) {
            to->Rsp += (uint64_t)at.value;
        } else if (at.kind == EPILOGUE_LEA) {
            to->Rsp = *integer_register(to, at.reg) + (uint64_t)at.value;
        } else if (at.kind == EPILOGUE_POP) {
            if (!pop(to, integer_register(to, at.reg)))
                break;
        } else {
            if (at.kind == EPILOGUE_JMP && at.value != INT64_MAX &&
                pc + (uint64_t)at.value >= begin && pc + (uint64_t)at.value < end)
                break;
            if (!pop(to, &value))
                break;
            to->Rip = value;
            to->Rsp += at.kind == EPILOGUE_RET_N ? (uint64_t)at.value : 0;
            return true;
        }
    }
    for (unsigned i = 0; i < 16; i++)
        *integer_register(context, i) = saved[i];
    return false;
}

/* Follows an entry that only points at another one. */
static const struct unwind_function *direct(uint64_t image_base,
                                            const struct unwind_function *function)
{
    for (unsigned i = 0; function && (function->unwind & 1) && i < CHAIN_LIMIT; i++)
        function = (const struct unwind_function *)(image_base + (function->unwind & ~1u));
    return function;
}

/* The language handler's RVA lies behind the codes, padded to an even count. */
static bool find_handler(uint64_t image_base, uint32_t rva, const struct unwind_info *info,
                         uint32_t flags, struct unwind_step *step)
{
    uint32_t handler;
    if (!((unsigned)info->version_flags >> 3 & flags))
        return true;
    uint64_t at = image_base + rva + 4 + ((info->count + 1u) & ~1u) * 2;
    if (!load(at, &handler, sizeof handler))
        return false;
    step->handler = image_base + handler;
    step->handler_data = at + sizeof handler;
    return true;
}

static bool next_in_chain(uint64_t image_base, const struct unwind_info *info, uint32_t *rva)
{
    struct unwind_function chained;
    if (!load(image_base + *rva + 4 + ((info->count + 1u) & ~1u) * 2, &chained, sizeof chained))
        return false;
    *rva = chained.unwind & ~1u;
    return true;
}

bool unwind_frame(uint32_t flags, uint64_t image_base, uint64_t pc,
                  const struct unwind_function *function, CONTEXT *context,
                  struct unwind_step *ret_step)
{
    struct unwind_function entry;
    struct unwind_info info;
    bool trap = false;

    *ret_step = (struct unwind_step){.frame = context->Rsp};
    function = direct(image_base, function);
    if (!function)
        return pop(context, &context->Rip);
    if (!load((uint64_t)function, &entry, sizeof entry) ||
        !read_info(image_base, entry.unwind, &info))
        return false;
    uint64_t offset = pc - image_base - entry.begin;
    uint32_t rva = entry.unwind;
    ret_step->frame = frame_base(&info, offset, context);
    if (offset >= info.prologue || (info.version_flags >> 3 & UNW_FLAG_CHAININFO)) {
        if (play_epilogue(pc, image_base + entry.begin, image_base + entry.end, context))
            return true; /* the frame is half gone: its handler is not asked */
        if (!(info.version_flags >> 3 & UNW_FLAG_CHAININFO) &&
            !find_handler(image_base, rva, &info, flags, ret_step))
            return false;
    }
    for (unsigned i = 0; i < CHAIN_LIMIT; i++) {
        if (!undo_prologue(&info, i == 0 ? offset : UINT32_MAX, context, ret_step->frame, &trap))
            return false;
        if (!(info.version_flags >> 3 & UNW_FLAG_CHAININFO))
            return trap || pop(context, &context->Rip);
        if (!next_in_chain(image_base, &info, &rva) || !read_info(image_base, rva, &info))
            return false;
        if (!(info.version_flags >> 3 & UNW_FLAG_CHAININFO) &&
            !find_handler(image_base, rva, &info, flags, ret_step))
            return false;
    }
    return false;
}
