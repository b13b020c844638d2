/* From a program counter of native code to the rules of its frame. */
#include "kernel32/process/frame_rules.h"

#include <link.h>
#include <string.h>

/* How a pointer is written: its size in the low half, what it is relative to in the high one. */
#define POINTER_SIZE     0x0F
#define POINTER_RELATIVE 0x70
#define POINTER_PC       0x10
#define POINTER_TABLE    0x30
#define POINTER_OMITTED  0xFF

/* DW_CFA_: the two high bits, with an operand in the others; or a whole byte. */
enum {
    OP_ADVANCE = 0x40,
    OP_OFFSET = 0x80,
    OP_RESTORE = 0xC0,
    OP_HIGH = 0xC0,
    OP_NOP = 0x00,
    OP_SET_LOCATION = 0x01,
    OP_ADVANCE_1 = 0x02,
    OP_ADVANCE_2 = 0x03,
    OP_ADVANCE_4 = 0x04,
    OP_OFFSET_EXTENDED = 0x05,
    OP_RESTORE_EXTENDED = 0x06,
    OP_UNDEFINED = 0x07,
    OP_SAME = 0x08,
    OP_REGISTER = 0x09,
    OP_REMEMBER = 0x0A,
    OP_RECALL = 0x0B,
    OP_ADDRESS = 0x0C,
    OP_ADDRESS_REGISTER = 0x0D,
    OP_ADDRESS_OFFSET = 0x0E,
    OP_ADDRESS_EXPRESSION = 0x0F,
    OP_EXPRESSION = 0x10,
    OP_OFFSET_SIGNED = 0x11,
    OP_ADDRESS_SIGNED = 0x12,
    OP_ADDRESS_OFFSET_SIGNED = 0x13,
    OP_VALUE = 0x14,
    OP_VALUE_SIGNED = 0x15,
    OP_VALUE_EXPRESSION = 0x16,
    OP_ARGUMENTS_SIZE = 0x2E
};

#define REMEMBERED 3 /* compilers remember one row at a time */

uint64_t frame_read_unsigned(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            return value;
    }
}

int64_t frame_read_signed(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;;) {
        uint8_t byte = *(*at)++;
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
        if (byte & 0x80)
            continue;
        return (int64_t)((byte & 0x40) && shift < 64 ? value | ~0ull << shift : value);
    }
}

static uint64_t read_fixed(const uint8_t **at, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, *at, size);
    *at += size;
    return value;
}

/* DW_EH_PE_*: `table` is what POINTER_TABLE is relative to. */
static bool read_pointer(const uint8_t **at, uint8_t encoding, uint64_t table, uint64_t *ret_value)
{
    uint64_t here = (uint64_t)*at, value;
    switch (encoding & POINTER_SIZE) {
    case 0x0:
    case 0x4:
    case 0xC:
        value = read_fixed(at, 8);
        break;
    case 0x1:
        value = frame_read_unsigned(at);
        break;
    case 0x9:
        value = (uint64_t)frame_read_signed(at);
        break;
    case 0x2:
        value = read_fixed(at, 2);
        break;
    case 0xA:
        value = (uint64_t)(int16_t)read_fixed(at, 2);
        break;
    case 0x3:
        value = read_fixed(at, 4);
        break;
    case 0xB:
        value = (uint64_t)(int32_t)read_fixed(at, 4);
        break;
    default:
        return false;
    }
    unsigned relative = encoding & POINTER_RELATIVE;
    if (relative != 0 && relative != POINTER_PC && relative != POINTER_TABLE)
        return false;
    *ret_value = value + (relative == POINTER_PC ? here : relative == POINTER_TABLE ? table : 0);
    return true;
}

/*
 * --- finding the entry
 * ------------------------------------------------------------------------------------------------
 */

struct object {
    uint64_t pc;
    const uint8_t *header; /* .eh_frame_hdr, or NULL */
};

static int look_at(struct dl_phdr_info *info, size_t size, void *context)
{
    struct object *object = context;
    const uint8_t *header = NULL;
    bool holds = false;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD && object->pc - start < part->p_memsz)
            holds = true;
        if (part->p_type == PT_GNU_EH_FRAME)
            header = (const uint8_t *)start;
    }
    if (holds)
        object->header = header;
    return holds;
}

/* The table: pairs of a function's begin and its entry, sorted, both relative to the header. */
static const uint8_t *find_entry(const uint8_t *header, uint64_t pc)
{
    const uint8_t *at = header + 4;
    uint64_t table = (uint64_t)header, frames, count;
    if (header[0] != 1 || header[3] != (POINTER_TABLE | 0xB) || header[2] == POINTER_OMITTED ||
        !read_pointer(&at, header[1], table, &frames) ||
        !read_pointer(&at, header[2], table, &count))
        return NULL;
    const int32_t *pairs = (const int32_t *)at;
    int64_t wanted = (int64_t)(pc - table);
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (wanted < pairs[2 * middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low ? header + pairs[2 * (low - 1) + 1] : NULL;
}

/* An entry with its common part. */
struct entry {
    uint64_t begin; /* of the function */
    uint64_t code_unit;
    int64_t data_unit;
    uint8_t encoding; /* of pointers to code */
    bool signal;
    const uint8_t *first, *first_end; /* operations of the common part */
    const uint8_t *own, *own_end;
};

static bool read_common(const uint8_t *common, struct entry *entry)
{
    const uint8_t *at = common + 8; /* length, and an identity that is 0 */
    uint64_t personality;
    uint32_t length;
    memcpy(&length, common, sizeof length);
    entry->first_end = common + 4 + length;
    uint8_t version = *at++;
    const char *letters = (const char *)at;
    at += strlen(letters) + 1;
    entry->code_unit = frame_read_unsigned(&at);
    entry->data_unit = frame_read_signed(&at);
    uint64_t return_column = version == 1 ? *at++ : frame_read_unsigned(&at);
    if (length == UINT32_MAX || return_column != FRAME_RETURN || letters[0] != 'z')
        return false;
    uint64_t size = frame_read_unsigned(&at);
    entry->first = at + size;
    for (letters++; *letters; letters++) {
        if (*letters == 'R')
            entry->encoding = *at++;
        else if (*letters == 'S')
            entry->signal = true;
        else if (*letters == 'L')
            at++;
        else if (*letters != 'P')
            return false;
        else if (at++, !read_pointer(&at, at[-1], 0, &personality))
            return false;
    }
    return true;
}

static bool read_entry(const uint8_t *place, uint64_t pc, struct entry *ret_entry)
{
    uint32_t length, back;
    uint64_t size;
    const uint8_t *at = place + 8;
    memcpy(&length, place, sizeof length);
    memcpy(&back, place + 4, sizeof back);
    *ret_entry = (struct entry){0};
    if (length == UINT32_MAX || back == 0 || !read_common(place + 4 - back, ret_entry) ||
        !read_pointer(&at, ret_entry->encoding, 0, &ret_entry->begin) ||
        !read_pointer(&at, ret_entry->encoding & POINTER_SIZE, 0, &size))
        return false;
    uint64_t skipped = frame_read_unsigned(&at);
    ret_entry->own = at + skipped;
    ret_entry->own_end = place + 4 + length;
    return pc - ret_entry->begin < size;
}

/*
 * --- playing the operations
 * ------------------------------------------------------------------------------------------------
 */

struct player {
    const struct entry *entry;
    uint64_t pc, location;
    struct frame_rules *rules;
    struct frame_rules initial;
    struct frame_rules remembered[REMEMBERED];
    unsigned depth;
};

static bool set_rule(struct player *player, uint64_t number, struct frame_rule rule)
{
    /* of other registers nothing is wanted */
    if (number < FRAME_REGISTERS)
        player->rules->registers[number] = rule;
    return true;
}

static bool restore_rule(struct player *player, uint64_t number)
{
    return number >= FRAME_REGISTERS || set_rule(player, number, player->initial.registers[number]);
}

static const uint8_t *skip_expression(const uint8_t **at)
{
    const uint8_t *expression = *at;
    uint64_t length = frame_read_unsigned(at);
    *at += length;
    return expression;
}

static bool set_address(struct player *player, uint64_t number, int64_t offset)
{
    player->rules->base = (unsigned)number;
    player->rules->address = (struct frame_rule){.kind = RULE_REGISTER, .offset = offset};
    return number < FRAME_RETURN;
}

/* The operations on the frame's address. */
static bool play_address(struct player *player, uint8_t operation, const uint8_t **at)
{
    struct frame_rules *rules = player->rules;
    uint64_t number;
    switch (operation) {
    case OP_ADDRESS:
        number = frame_read_unsigned(at);
        return set_address(player, number, (int64_t)frame_read_unsigned(at));
    case OP_ADDRESS_SIGNED:
        number = frame_read_unsigned(at);
        return set_address(player, number, frame_read_signed(at) * player->entry->data_unit);
    case OP_ADDRESS_REGISTER:
        return set_address(player, frame_read_unsigned(at), rules->address.offset);
    case OP_ADDRESS_OFFSET:
        return set_address(player, rules->base, (int64_t)frame_read_unsigned(at));
    case OP_ADDRESS_OFFSET_SIGNED:
        return set_address(player, rules->base, frame_read_signed(at) * player->entry->data_unit);
    case OP_ADDRESS_EXPRESSION:
        rules->address =
            (struct frame_rule){.kind = RULE_EXPRESSION, .expression = skip_expression(at)};
        return true;
    default:
        return false;
    }
}

/* The operations on one register's rule. */
static bool play_register(struct player *player, uint8_t operation, const uint8_t **at)
{
    uint64_t number = frame_read_unsigned(at);
    struct frame_rule rule = {.kind = RULE_SAVED};
    switch (operation) {
    case OP_OFFSET_EXTENDED:
    case OP_VALUE:
        rule.offset = (int64_t)frame_read_unsigned(at) * player->entry->data_unit;
        break;
    case OP_OFFSET_SIGNED:
    case OP_VALUE_SIGNED:
        rule.offset = frame_read_signed(at) * player->entry->data_unit;
        break;
    case OP_UNDEFINED: /* what is in it is nobody's business */
    case OP_SAME:
        rule.kind = RULE_SAME;
        break;
    case OP_REGISTER:
        rule = (struct frame_rule){RULE_REGISTER, .offset = (int64_t)frame_read_unsigned(at)};
        break;
    case OP_EXPRESSION:
        rule = (struct frame_rule){RULE_EXPRESSION, .expression = skip_expression(at)};
        break;
    case OP_VALUE_EXPRESSION:
        rule = (struct frame_rule){RULE_VALUE_EXPRESSION, .expression = skip_expression(at)};
        break;
    case OP_RESTORE_EXTENDED:
        return restore_rule(player, number);
    default:
        return false;
    }
    if (operation == OP_VALUE || operation == OP_VALUE_SIGNED)
        rule.kind = RULE_VALUE;
    return set_rule(player, number, rule);
}

/* Operations without a high part. */
static bool play_other(struct player *player, uint8_t operation, const uint8_t **at)
{
    uint64_t unit = player->entry->code_unit;
    switch (operation) {
    case OP_NOP:
        return true;
    case OP_SET_LOCATION:
        return read_pointer(at, player->entry->encoding, 0, &player->location);
    case OP_ADVANCE_1:
        player->location += read_fixed(at, 1) * unit;
        return true;
    case OP_ADVANCE_2:
        player->location += read_fixed(at, 2) * unit;
        return true;
    case OP_ADVANCE_4:
        player->location += read_fixed(at, 4) * unit;
        return true;
    case OP_REMEMBER:
        if (player->depth == REMEMBERED)
            return false;
        player->remembered[player->depth++] = *player->rules;
        return true;
    case OP_RECALL:
        if (player->depth == 0)
            return false;
        *player->rules = player->remembered[--player->depth];
        return true;
    case OP_ARGUMENTS_SIZE:
        frame_read_unsigned(at);
        return true;
    default:
        return (operation >= OP_ADDRESS && operation <= OP_ADDRESS_EXPRESSION) ||
                       operation == OP_ADDRESS_SIGNED || operation == OP_ADDRESS_OFFSET_SIGNED
                   ? play_address(player, operation, at)
                   : play_register(player, operation, at);
    }
}

/* Up to the row that holds at player->pc. */
static bool play(struct player *player, const uint8_t *at, const uint8_t *end)
{
    const struct entry *entry = player->entry;
    while (at < end) {
        uint8_t operation = *at++, operand = operation & ~OP_HIGH;
        bool good = true;
        switch (operation & OP_HIGH) {
        case OP_ADVANCE:
            player->location += operand * entry->code_unit;
            break;
        case OP_OFFSET:
            good = set_rule(
                player, operand,
                (struct frame_rule){RULE_SAVED, .offset = (int64_t)frame_read_unsigned(&at) *
                                                          entry->data_unit});
            break;
        case OP_RESTORE:
            good = restore_rule(player, operand);
            break;
        default:
            good = play_other(player, operation, &at);
            break;
        }
        if (!good)
            return false;
        if (player->location > player->pc)
            return true;
    }
    return true;
}

/* Much faster than dladdr, which looks for a symbol. */
bool frame_is_native(uint64_t pc)
{
    struct object object = {.pc = pc};
    return dl_iterate_phdr(look_at, &object) != 0;
}

bool frame_rules_find(uint64_t pc, struct frame_rules *ret_rules)
{
    struct object object = {.pc = pc};
    struct entry entry;
    dl_iterate_phdr(look_at, &object);
    const uint8_t *place = object.header ? find_entry(object.header, pc) : NULL;
    if (!place || !read_entry(place, pc, &entry))
        return false;
    struct player player = {.entry = &entry, .pc = pc, .location = entry.begin, .rules = ret_rules};
    *ret_rules = (struct frame_rules){.signal = entry.signal};
    if (!play(&player, entry.first, entry.first_end))
        return false;
    player.initial = *ret_rules;
    return play(&player, entry.own, entry.own_end);
}
