/* The smallest program: three imports, no runtime. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

void start(void)
{
    static const char text[] = "Hello from winmem\n";
    DWORD written = 0;
    BOOL good = WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, sizeof text - 1, &written, NULL);
    ExitProcess(good && written == sizeof text - 1 ? 0 : 1);
}
