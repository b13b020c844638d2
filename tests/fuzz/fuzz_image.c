/*
 * Reads images that lie. As a test: the corpus of make_malformed.py with its expected messages,
 * then random changes of each file; with -DLIBFUZZER the same examination is a target for clang's
 * -fsanitize=fuzzer (afl: the program takes files, too).
 *
 *     fuzz_image FOLDER [CHANGES]       FOLDER/expected.tsv; CHANGES of each file, default 2000;
 *                                       WINMEM_SEED repeats a run
 */
#include "memoryapi/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE_LIMIT (1u << 20)
/* larger images are not relocated: the fuzzer should look at tables, not clear memory */
#define IMAGE_LIMIT (16u << 20)

static const char *const reasons[] = {
    "IMAGE_OK",
    "IMAGE_TOO_SHORT",
    "IMAGE_NOT_EXECUTABLE",
    "IMAGE_DOS",
    "IMAGE_16BIT",
    "IMAGE_32BIT",
    "IMAGE_OTHER_MACHINE",
    "IMAGE_DOTNET",
    "IMAGE_DRIVER",
    "IMAGE_OTHER_SUBSYSTEM",
    "IMAGE_BAD_HEADER",
    "IMAGE_BAD_SECTION",
    "IMAGE_BAD_DIRECTORY",
    "IMAGE_NOT_RELOCATABLE",
};

struct verdict {
    const char *stage;
    struct image_failure failure;
};

static volatile unsigned touched;

/* Every byte a string has is read, so that a sanitizer sees one that does not end. */
static void touch(const char *text)
{
    if (text)
        touched += (unsigned)strlen(text);
}

static bool walk_imports(const struct image *image, bool delayed, struct image_failure *failure)
{
    struct image_import import;
    struct image_thunk thunk;
    enum image_step step;
    for (unsigned i = 0; (step = image_import(image, delayed, i, &import, failure)) == IMAGE_MORE;
         i++) {
        enum image_step inner;
        touch(import.module);
        for (unsigned j = 0;
             (inner = image_thunk(image, &import, j, &thunk, failure)) == IMAGE_MORE; j++) {
            touch(thunk.name);
            if (thunk.slot > image->size - 8)
                abort();
        }
        if (inner == IMAGE_BAD)
            return false;
        if (i >= image->length)
            abort(); /* a walk may not be longer than the file */
    }
    return step == IMAGE_END;
}

static void walk_exports(const struct image *image)
{
    static const char *const names[] = {"add", "", "zzzz", "DllMain"};
    struct image_symbol symbol;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (image_export(image, names[i], 0, &symbol)) {
            touch(symbol.forward);
            if (symbol.rva >= image->size)
                abort();
        }
    for (uint32_t ordinal = 0; ordinal < 100; ordinal++)
        if (image_export(image, NULL, ordinal, &symbol))
            touch(symbol.forward);
}

static bool walk_tls(const struct image *image, struct image_failure *failure)
{
    struct image_tls tls;
    enum image_step step = image_tls(image, &tls, failure);
    if (step == IMAGE_MORE &&
        ((uint64_t)tls.template_rva + tls.template_size > image->size ||
         tls.index_rva > image->size - 4 || tls.callbacks_rva > image->size - 8))
        abort();
    return step != IMAGE_BAD;
}

static bool relocate(const struct image *image, struct image_failure *failure)
{
    uint8_t *memory;
    bool good;
    if (image->size > IMAGE_LIMIT)
        return true;
    /* exactly as large as the image says: a byte beyond is found */
    memory = calloc(1, image->size);
    if (!memory)
        abort();
    good = image_relocate(image, memory, 0x10000, failure);
    free(memory);
    return good;
}

/*
 * All that the loader will ask of a file. The bytes are copied to a block of exactly their length.
 */
static struct verdict examine(const uint8_t *bytes, size_t length)
{
    struct verdict verdict = {"fine", {IMAGE_OK, ""}};
    struct image *image = malloc(sizeof *image);
    uint8_t *copy = malloc(length ? length : 1);
    if (!image || !copy)
        abort();
    memcpy(copy, bytes, length);
    if (!image_parse(copy, length, image, &verdict.failure)) {
        verdict.stage = "parse";
    } else {
        walk_exports(image);
        if (!walk_imports(image, false, &verdict.failure) ||
            !walk_imports(image, true, &verdict.failure))
            verdict.stage = "import";
        else if (!walk_tls(image, &verdict.failure))
            verdict.stage = "tls";
        else if (!relocate(image, &verdict.failure))
            verdict.stage = "relocate";
    }
    if (strcmp(verdict.stage, "fine") != 0 &&
        (verdict.failure.reason == IMAGE_OK || !verdict.failure.text[0]))
        abort(); /* a refusal without a reason */
    if ((unsigned)verdict.failure.reason >= sizeof reasons / sizeof reasons[0])
        abort();
    free(copy);
    free(image);
    return verdict;
}

#ifdef LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    examine(bytes, length);
    return 0;
}

#else

static uint64_t state;

static uint32_t below(uint32_t limit)
{
    state += 0x9E3779B97F4A7C15ull; /* splitmix64 */
    uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (uint32_t)((z ^ (z >> 31)) % limit);
}

/* A few changes, most of them in the headers and with numbers on which comparisons turn. */
static size_t change(uint8_t *bytes, size_t length)
{
    static const uint32_t numbers[] = {
        0, 1, 7, 8, 0x7F, 0x80, 0xFFF, 0x1000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF};
    for (uint32_t left = 1 + below(4); left && length; left--) {
        uint32_t at = below(below(2) || length < 0x400 ? (uint32_t)length : 0x400);
        uint32_t number = numbers[below(sizeof numbers / sizeof numbers[0])];
        switch (below(5)) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << below(8));
            break;
        case 1:
            bytes[at] = (uint8_t)below(256);
            break;
        case 2:
            number += bytes[at];
            /* fall through */
        case 3:
            memcpy(bytes + at, &number, length - at < 4 ? length - at : 4);
            break;
        default:
            if (below(8) == 0)
                length = at;
        }
    }
    return length;
}

static size_t read_file(const char *folder, const char *name, uint8_t *bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.exe", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    size_t length = fread(bytes, 1, SIZE_LIMIT, file);
    fclose(file);
    return length;
}

static int judge(const char *name, const char *stage, const char *reason, const char *message,
                 struct verdict verdict)
{
    if (strcmp(verdict.stage, stage) == 0 && strcmp(reasons[verdict.failure.reason], reason) == 0 &&
        strstr(verdict.failure.text, message))
        return 0;
    printf("%s: got %s, %s \"%s\"; wanted %s, %s \"%s\"\n", name, verdict.stage,
           reasons[verdict.failure.reason], verdict.failure.text, stage, reason, message);
    return 1;
}

/* One line of expected.tsv: name, stage, reason, piece of the message. */
static int run_line(const char *folder, char *line, unsigned changes)
{
    static uint8_t bytes[SIZE_LIMIT], changed[SIZE_LIMIT];
    char *fields[4] = {strtok(line, "\t\n"), strtok(NULL, "\t\n"), strtok(NULL, "\t\n"),
                       strtok(NULL, "\t\n")};
    size_t length = read_file(folder, fields[0], bytes);
    int wrong =
        judge(fields[0], fields[1], fields[2], fields[3] ? fields[3] : "", examine(bytes, length));
    for (unsigned i = 0; i < changes; i++) {
        memcpy(changed, bytes, length);
        size_t shorter = change(changed, length);
        examine(changed, shorter);
    }
    return wrong;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("WINMEM_SEED");
    unsigned changes = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 2000, files = 0;
    char path[1024], line[512];
    int failed = 0;
    if (argc < 2)
        return 2;
    state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    printf("fuzz_image: WINMEM_SEED=%llu, %u changes of each file\n", (unsigned long long)state,
           changes);
    fflush(stdout);
    snprintf(path, sizeof path, "%s/expected.tsv", argv[1]);
    FILE *list = fopen(path, "r");
    if (!list) {
        perror(path);
        return 1;
    }
    for (; fgets(line, sizeof line, list); files++)
        failed += run_line(argv[1], line, changes);
    fclose(list);
    printf("%u passed, %d failed\n", files - (unsigned)failed, failed);
    return failed || files < 12;
}

#endif
