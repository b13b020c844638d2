/* Generated from spec/. Do not edit. */

#include <winmem/windef.h>

_Static_assert(sizeof(PAIR) == 16, "size of PAIR");
_Static_assert(_Alignof(PAIR) == 8, "alignment of PAIR");
_Static_assert(offsetof(PAIR, Tag) == 0, "offset of PAIR.Tag");
_Static_assert(offsetof(PAIR, Value) == 4, "offset of PAIR.Value");
_Static_assert(offsetof(PAIR, Next) == 8, "offset of PAIR.Next");
_Static_assert(sizeof(WORDS) == 4, "size of WORDS");
_Static_assert(_Alignof(WORDS) == 4, "alignment of WORDS");
_Static_assert(offsetof(WORDS, Whole) == 0, "offset of WORDS.Whole");
_Static_assert(offsetof(WORDS, u) == 0, "offset of WORDS.u");
_Static_assert(sizeof(WIDE) == 64, "size of WIDE");
_Static_assert(_Alignof(WIDE) == 16, "alignment of WIDE");
_Static_assert(offsetof(WIDE, Pairs) == 0, "offset of WIDE.Pairs");
_Static_assert(offsetof(WIDE, Counter) == 48, "offset of WIDE.Counter");
_Static_assert(sizeof(EARLY) == 8, "size of EARLY");
_Static_assert(_Alignof(EARLY) == 4, "alignment of EARLY");
_Static_assert(offsetof(EARLY, First) == 0, "offset of EARLY.First");
_Static_assert(offsetof(EARLY, Second) == 4, "offset of EARLY.Second");
_Static_assert(sizeof(LATE) == 4, "size of LATE");
_Static_assert(_Alignof(LATE) == 4, "alignment of LATE");
_Static_assert(offsetof(LATE, Only) == 0, "offset of LATE.Only");
