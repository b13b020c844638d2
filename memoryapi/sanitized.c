/* Only in builds with the address sanitizer (the top meson.build). */

/*
 * Called before a function that does not return. The runtime would clear its marks from here to the
 * end of what it takes for the stack; there are no marks on stacks, and Windows threads are on
 * stacks it does not know. Interface: <sanitizer/asan_interface.h>.
 */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
}
