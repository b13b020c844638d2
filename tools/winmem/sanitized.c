/*
 * Only in builds with the address sanitizer: its options for this command. Faults and the stacks of
 * signals are the library's, and a program that ends leaves everything to the kernel. Interface:
 * <sanitizer/asan_interface.h>.
 */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:use_sigaltstack=0:detect_"
           "leaks=0";
}
