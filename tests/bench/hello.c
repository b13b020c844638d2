/* The native hello world that `winmem run hello.exe` is measured against. */
#include <unistd.h>

int main(void)
{
    static const char text[] = "Hello from winmem\n";
    return write(STDOUT_FILENO, text, sizeof text - 1) < 0;
}
