"""Jobs in C, C++, make and CMake."""

from __future__ import annotations

from rca.scenario import Scenario

GCC = ("gcc",)
GXX = ("g++",)

# A small library whose modules compile without a word: the noise around one failing file.
UTIL_NAMES = ("add", "double", "half", "mask", "shift")
UTIL_C = {
    f"src/util_{name}.c": f'#include "util.h"\n\nint util_{name}(int value) {{\n    return value + {len(name)};\n}}\n'
    for name in UTIL_NAMES
}
UTIL_H = (
    "#ifndef UTIL_H\n#define UTIL_H\n" + "".join(f"int util_{name}(int value);\n" for name in UTIL_NAMES) + "#endif\n"
)
CODECS = {
    f"src/codec_{n:02d}.c": f"int codec_{n:02d}(int value) {{\n    return value ^ {n * 37 % 256};\n}}\n"
    for n in range(48)
}
MAKEFILE = """\
CC = gcc
CFLAGS = -std=c11 -Wall -Wextra -O1 -g
OBJECTS = $(patsubst src/%.c,build/%.o,$(sort $(wildcard src/*.c)))

build/app: $(OBJECTS)
\t$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

build/%.o: src/%.c | build
\t$(CC) $(CFLAGS) -c -o $@ $<

build:
\tmkdir -p $@
"""

RENAMED_MEMBER = Scenario(
    slug="gcc-missing-struct-member",
    name="compile",
    stage="build",
    tags=("c", "compile-error"),
    item_class="compile-error",
    files={
        **UTIL_C,
        **CODECS,
        "src/util.h": UTIL_H,
        "Makefile": MAKEFILE,
        "src/window.h": """\
#ifndef WINDOW_H
#define WINDOW_H
#include <stddef.h>

struct session {
    int id;
    size_t bytes_sent;
    double idle_seconds;
};

int session_expired(const struct session *session, double limit_seconds);
#endif
""",
        "src/window.c": """\
#include "window.h"

int session_expired(const struct session *session, double limit_seconds) {
    return session->idle_time > limit_seconds;
}
""",
        "src/main.c": '#include <stdio.h>\n#include "window.h"\n#include "util.h"\n\nint main(void) {\n    struct session s = {1, 0, 3.5};\n'
        '    printf("%d %d\\n", session_expired(&s, 2.0), util_add(1));\n    return 0;\n}\n',
    },
    script=("gcc -dumpfullversion", "make"),
    evidence=("'const struct session' has no member named 'idle_time'",),
    root_cause=(
        "src/window.c, line 4, reads `session->idle_time`, a member that `struct session` does not have; the field in "
        "src/window.h is named `idle_seconds`. main.c compiled, window.c did not, and make stopped there."
    ),
    fix=(
        "Use the declared field in `session_expired`: `session->idle_seconds > limit_seconds` (check src/window.h for "
        "the name). Search for other uses of `idle_time` left over from the rename."
    ),
    needs=("gcc", "make"),
    env={"LC_ALL": "C"},
)

UNDEFINED_REFERENCE = Scenario(
    slug="linker-undefined-reference",
    name="link",
    stage="build",
    tags=("c", "link-error"),
    item_class="compile-error",
    files={
        "Makefile": "CC = gcc\nCFLAGS = -std=c11 -Wall -O1\n\nscore: main.o stats.o\n\t$(CC) -o $@ main.o stats.o\n\n%.o: %.c stats.h\n\t$(CC) $(CFLAGS) -c $<\n",
        "stats.h": "double mean(const double *values, int count);\ndouble deviation(const double *values, int count);\n",
        "stats.c": """\
#include "stats.h"
#include <math.h>

double mean(const double *values, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += values[i];
    return sum / count;
}

double deviation(const double *values, int count) {
    double centre = mean(values, count), sum = 0;
    for (int i = 0; i < count; i++) sum += pow(values[i] - centre, 2.0 + (count > 100));
    return sqrt(sum / (count - 1)) * exp(-1.0 / count);
}
""",
        "main.c": '#include <stdio.h>\n#include "stats.h"\n\nint main(void) {\n    double v[] = {1, 2, 4};\n    printf("%f\\n", deviation(v, 3));\n    return 0;\n}\n',
    },
    script=("make",),
    evidence=("undefined reference to `exp'", "gcc -o score main.o stats.o"),
    root_cause=(
        "stats.c uses functions of the maths library (pow, sqrt, exp), and the link line `gcc -o score main.o stats.o` "
        "does not name that library. Compilation succeeds; the linker finds no definition and reports an undefined "
        "reference to `exp` in stats.o."
    ),
    fix=(
        "Add `-lm` at the end of the link command in the Makefile (`$(CC) -o $@ main.o stats.o -lm`); it must come "
        "after the objects that use it."
    ),
    needs=("gcc", "make"),
    env={"LC_ALL": "C"},
)

TEMPLATE_ERROR = Scenario(
    slug="cpp-template-error",
    name="compile-cpp",
    stage="build",
    tags=("cpp", "compile-error"),
    item_class="compile-error",
    files={
        "priority.hpp": """\
#pragma once
#include <algorithm>
#include <string>
#include <vector>

struct Task {
    std::string name;
    int priority;
};

inline std::vector<Task> by_priority(std::vector<Task> tasks) {
    std::sort(tasks.begin(), tasks.end());
    return tasks;
}
""",
        "main.cpp": '#include <iostream>\n#include "priority.hpp"\n\nint main() {\n    for (const auto& task : by_priority({{"b", 2}, {"a", 1}}))\n        std::cout << task.name << "\\n";\n}\n',
    },
    script=("g++ -std=c++17 -Wall -fmax-errors=1 -o tasks main.cpp",),
    evidence=("no match for 'operator<'", "priority.hpp:12"),
    root_cause=(
        "`by_priority` in priority.hpp, line 12, calls std::sort on a vector of `Task` without a comparator, and "
        '`Task` has no operator<. The long template trace from inside the standard library comes down to "no match '
        "for 'operator<' (operand types are 'Task' and 'Task')\"."
    ),
    fix=(
        "Pass a comparator: `std::sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return "
        "a.priority < b.priority; });`, or define operator< for Task if there is one natural order."
    ),
    needs=GXX,
    env={"LC_ALL": "C"},
)

SEGFAULT = Scenario(
    slug="c-segfault-null-pointer",
    name="smoke",
    stage="test",
    tags=("c", "memory-error"),
    item_class="runtime-crash",
    files={
        "config.c": """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *lookup(const char *key) {
    if (strcmp(key, "host") == 0) return "localhost";
    if (strcmp(key, "retries") == 0) return "3";
    return NULL;
}

int main(void) {
    const char *keys[] = {"host", "retries", "timeout"};
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 0; i < 3; i++) {
        const char *value = lookup(keys[i]);
        printf("%s has %zu characters\\n", keys[i], strlen(value));
    }
    return EXIT_SUCCESS;
}
""",
    },
    script=(
        "gcc -g -O0 -o config config.c",
        "echo 'keys: host retries timeout'",
        "nl -ba config.c | sed -n '5,9p;14,17p'",
        "./config",
    ),
    evidence=("Segmentation fault", "retries has 1 characters"),
    root_cause=(
        "`lookup` in config.c returns NULL for a key it doesn't know, and `main` passes the result to strlen "
        "unchecked. After host and retries, the third key, `timeout`, is unknown: strlen(NULL) ends in a segmentation "
        "fault (exit code 139 = 128 + SIGSEGV)."
    ),
    fix=(
        "Check `value` for NULL before strlen and report the missing key, and add `timeout` to `lookup` if it is a "
        "legitimate setting."
    ),
    needs=GCC,
)

DOUBLE_FREE = Scenario(
    slug="c-double-free",
    name="unit-tests",
    stage="test",
    tags=("c", "memory-error"),
    item_class="runtime-crash",
    files={
        "buffer.h": "struct buffer { char *data; int size; };\nstruct buffer *buffer_new(int size);\nvoid buffer_reset(struct buffer *buffer);\nvoid buffer_free(struct buffer *buffer);\n",
        "buffer.c": """\
#include "buffer.h"
#include <stdlib.h>

struct buffer *buffer_new(int size) {
    struct buffer *buffer = malloc(sizeof *buffer);
    buffer->data = malloc(size);
    buffer->size = size;
    return buffer;
}

void buffer_reset(struct buffer *buffer) {
    free(buffer->data);
    buffer->size = 0;
}

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    free(buffer);
}
""",
        "test_buffer.c": """\
#include "buffer.h"
#include <stdio.h>

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    struct buffer *plain = buffer_new(64);
    buffer_free(plain);
    puts("ok 1 - new, free");
    struct buffer *again = buffer_new(64);
    buffer_reset(again);
    puts("ok 2 - new, reset");
    buffer_free(again);
    puts("ok 3 - new, reset, free");
    return 0;
}
""",
    },
    script=("gcc -g -O0 -o test_buffer buffer.c test_buffer.c", "sed -n '11,19p' buffer.c", "./test_buffer"),
    evidence=("double free detected", "ok 2 - new, reset", "Aborted"),
    root_cause=(
        "`buffer_reset` in buffer.c frees `buffer->data` but leaves the pointer in place, and `buffer_free` frees the "
        'same pointer again. glibc detects the double free and aborts (exit code 134 = 128 + SIGABRT) after "ok 2", '
        "in the free that follows the reset."
    ),
    fix="Set `buffer->data = NULL;` after the free in `buffer_reset` (free(NULL) does nothing).",
    needs=GCC,
)

STACK_OVERFLOW = Scenario(
    slug="c-stack-overflow",
    name="parser-smoke",
    stage="test",
    tags=("c", "memory-error"),
    item_class="runtime-crash",
    files={
        "depth.c": """\
#include <stdio.h>
#include <string.h>

/* Nesting depth of a text in brackets. */
static int depth(const char *text, int level) {
    char scratch[4096];
    snprintf(scratch, sizeof scratch, "%d:%s", level, text);
    if (*text == '\\0') return level + (scratch[0] == 'x');
    return depth(*text == ']' ? text : text + 1, level + (*text == '['));
}

int main(int argc, char **argv) {
    (void)argc;
    setvbuf(stdout, NULL, _IONBF, 0);
    for (char **text = argv + 1; *text; text++) printf("%s -> %d\\n", *text, depth(*text, 0));
    return 0;
}
""",
    },
    script=("gcc -g -O0 -o depth depth.c", "sed -n '5,10p' depth.c", "./depth '[[' 'a[b' '[]'"),
    evidence=("a[b -> 1", "Segmentation fault"),
    root_cause=(
        "`depth` in depth.c never gets past a closing bracket: for `]` it calls itself with the same `text`, so the "
        'recursion on "[]" has no end. Each call puts a 4 KiB array on the stack, the stack runs over, and the '
        "program dies with a segmentation fault; texts without `]` work."
    ),
    fix=(
        "Advance in every case: `depth(text + 1, level + (*text == '['))`, or write it as a loop, which needs no stack "
        "at all."
    ),
    needs=GCC,
)

WERROR = Scenario(
    slug="gcc-werror-format",
    name="compile-strict",
    stage="build",
    tags=("c", "compile-error"),
    item_class="compile-error",
    files={
        "report.c": """\
#include <stdio.h>
#include <stddef.h>

static void line(const char *name, size_t bytes) {
    printf("%-12s %d bytes\\n", name, bytes);
}

int main(void) {
    int total = 0;
    line("traces", 123456);
    line("answers", 7890);
    return 0;
}
""",
    },
    script=("gcc -std=c11 -Wall -Wextra -Werror -o report report.c",),
    evidence=("-Werror=format=", "unused variable 'total'", "all warnings being treated as errors"),
    root_cause=(
        "The job compiles with -Werror, so two warnings in report.c are errors: in `line` the size_t `bytes` is "
        "printed with %d, which is for int (-Werror=format=), and `total` in main is never used "
        "(-Werror=unused-variable)."
    ),
    fix=(
        "Print the size_t with %zu and remove `total`. Keep -Werror: the format mismatch is a real fault where size_t "
        "is wider than int."
    ),
    needs=GCC,
    env={"LC_ALL": "C"},
)

NO_RULE = Scenario(
    slug="make-no-rule",
    name="package",
    stage="build",
    tags=("make", "build-config"),
    item_class="missing-file",
    files={
        **UTIL_C,
        "src/util.h": UTIL_H,
        "Makefile": """\
CC = gcc
MODULES = add double half mask shift rotate
OBJECTS = $(MODULES:%=build/util_%.o)

libutil.a: $(OBJECTS)
\tar rcs $@ $^

build/%.o: src/%.c src/util.h
\t@mkdir -p build
\t$(CC) -O1 -c -o $@ $<
""",
    },
    script=("ls src", "make libutil.a"),
    evidence=("No rule to make target 'build/util_rotate.o', needed by 'libutil.a'",),
    root_cause=(
        "The Makefile wants build/util_rotate.o for libutil.a, but there is no src/util_rotate.c it could be made "
        "from: the listing of src shows add, double, half, mask and shift only. The pattern rule doesn't apply, so "
        'make says "No rule to make target".'
    ),
    fix="Commit src/util_rotate.c if it was forgotten, or take `rotate` out of MODULES in the Makefile.",
    needs=("gcc", "make"),
)

MISSING_SEPARATOR = Scenario(
    slug="make-missing-separator",
    name="docs",
    stage="build",
    tags=("make", "syntax-error"),
    item_class="malformed-file",
    files={
        "Makefile": "VERSION := 1.4\n\n.PHONY: docs check\n\ndocs: site/index.html\n\nsite/index.html: index.md\n\tmkdir -p site\n        cp index.md site/index.html\n\ncheck:\n\ttest -s index.md\n",
        "index.md": "# Handbook\n",
    },
    script=("make --version | head -1", "cat -A Makefile", "make docs"),
    evidence=("Makefile:9: *** missing separator",),
    root_cause=(
        "Line 9 of the Makefile (`cp index.md site/index.html`) is indented with eight spaces instead of a tab, as the "
        "listing shows (line 8 starts with ^I, line 9 doesn't). make doesn't take it for a recipe line: missing "
        "separator."
    ),
    fix=(
        "Indent line 9 with a tab. An .editorconfig entry `[Makefile] indent_style = tab` keeps editors from turning "
        "it into spaces again."
    ),
    needs=("make",),
)

CMAKE_PACKAGE = Scenario(
    slug="cmake-package-not-found",
    name="configure",
    stage="build",
    tags=("cmake", "dependency"),
    item_class="dependency",
    files={
        "CMakeLists.txt": """\
cmake_minimum_required(VERSION 3.20)
project(ingest VERSION 2.1 LANGUAGES CXX)

set(CMAKE_CXX_STANDARD 17)
find_package(Threads REQUIRED)
find_package(fmt 9.1 CONFIG REQUIRED)

add_executable(ingest main.cpp)
target_link_libraries(ingest PRIVATE Threads::Threads fmt::fmt)
""",
        "main.cpp": '#include <fmt/core.h>\n\nint main() { fmt::print("ready\\n"); }\n',
    },
    script=("cmake -S . -B build",),
    evidence=('Could not find a package configuration file provided by "fmt"', "fmtConfig.cmake"),
    root_cause=(
        "CMakeLists.txt, line 6, requires the package fmt 9.1 in config mode, and no fmtConfig.cmake (or "
        "fmt-config.cmake) is on this image: the library's development files aren't installed. The compiler and "
        "Threads were found."
    ),
    fix=(
        "Install fmt's development package in the build image (libfmt-dev on Debian), point CMAKE_PREFIX_PATH or "
        "fmt_DIR to an existing installation, or fetch it with FetchContent."
    ),
    needs=("cmake", "g++", "make"),
)

CTEST = Scenario(
    slug="ctest-failed-assertion",
    name="ctest",
    stage="test",
    tags=("cmake", "test-failure"),
    item_class="test-failure",
    files={
        "CMakeLists.txt": """\
cmake_minimum_required(VERSION 3.20)
project(window LANGUAGES C)
enable_testing()
foreach(name empty single wrap)
  add_executable(test_${name} test_${name}.c ring.c)
  add_test(NAME ring_${name} COMMAND test_${name})
endforeach()
""",
        "ring.h": "#define RING_SIZE 4\nstruct ring { int values[RING_SIZE]; int head, count; };\nvoid ring_push(struct ring *ring, int value);\nint ring_oldest(const struct ring *ring);\n",
        "ring.c": """\
#include "ring.h"

void ring_push(struct ring *ring, int value) {
    ring->values[(ring->head + ring->count) % RING_SIZE] = value;
    if (ring->count < RING_SIZE)
        ring->count++;
}

int ring_oldest(const struct ring *ring) {
    return ring->values[ring->head];
}
""",
        "test_empty.c": '#include <assert.h>\n#include "ring.h"\n\nint main(void) {\n    struct ring ring = {{0}, 0, 0};\n    assert(ring.count == 0);\n    return 0;\n}\n',
        "test_single.c": '#include <assert.h>\n#include "ring.h"\n\nint main(void) {\n    struct ring ring = {{0}, 0, 0};\n    ring_push(&ring, 7);\n    assert(ring_oldest(&ring) == 7);\n    return 0;\n}\n',
        "test_wrap.c": '#include <assert.h>\n#include "ring.h"\n\nint main(void) {\n    struct ring ring = {{0}, 0, 0};\n    for (int i = 1; i <= 6; i++)\n        ring_push(&ring, i);\n'
        "    assert(ring.count == RING_SIZE);\n    assert(ring_oldest(&ring) == 3);\n    return 0;\n}\n",
    },
    script=("cmake -S . -B build", "cmake --build build", "ctest --test-dir build --output-on-failure"),
    evidence=("Assertion `ring_oldest(&ring) == 3' failed", "ring_wrap"),
    root_cause=(
        "Only ring_wrap fails: after six pushes into a ring of four the oldest value should be 3 (test_wrap.c, line "
        "9). `ring_push` in ring.c doesn't move `head` on when the ring is full, so every further value is written "
        "over the slot of the oldest, and `ring_oldest` returns 6."
    ),
    fix=(
        "In `ring_push`, when `count` has reached RING_SIZE, advance the head after writing: `else ring->head = "
        "(ring->head + 1) % RING_SIZE;`."
    ),
    needs=("cmake", "gcc", "ctest"),
)

ASAN = Scenario(
    slug="asan-heap-overflow",
    name="sanitizers",
    stage="test",
    tags=("c", "memory-error"),
    item_class="runtime-crash",
    files={
        "join.c": """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The words with blanks between them. */
static char *join(char **words, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += strlen(words[i]) + 1;
    char *text = malloc(size - 1);
    text[0] = '\\0';
    for (int i = 0; i < count; i++) {
        strcat(text, words[i]);
        if (i < count - 1) strcat(text, " ");
    }
    return text;
}

int main(int argc, char **argv) {
    char *text = join(argv + 1, argc - 1);
    puts(text);
    free(text);
    return 0;
}
""",
    },
    script=(
        "gcc -g -O0 -fno-builtin -fsanitize=address -fno-omit-frame-pointer -o join join.c",
        "nl -ba join.c | sed -n '6,16p'",
        "./join daily runs",
    ),
    evidence=("heap-buffer-overflow", "join.c:12"),
    root_cause=(
        "`join` in join.c allocates `size - 1` bytes (line 9). `size` counts every word plus one, which pays for the "
        'blanks and the closing NUL together; for "daily runs" that is 11, and 10 are allocated. The strcat in line '
        "12 writes the NUL one byte past the block: heap-buffer-overflow."
    ),
    fix="Allocate the full size in line 9, `malloc(size)` (and `malloc(1)` for no words at all).",
    needs=GCC,
    env={"ASAN_OPTIONS": "symbolize=1"},
)

CPP_EXCEPTION = Scenario(
    slug="cpp-uncaught-exception",
    name="replay",
    stage="test",
    tags=("cpp", "runtime-error"),
    item_class="runtime-crash",
    files={
        "replay.cpp": """\
#include <fstream>
#include <iostream>
#include <map>
#include <string>

const std::map<std::string, int> LEVELS = {{"debug", 10}, {"info", 20}, {"error", 40}};

int main(int, char** argv) {
    std::ifstream input(argv[1]);
    std::string level, message;
    int number = 0;
    while (input >> level && std::getline(input, message)) {
        std::cout << "line " << ++number << ": " << level << std::endl;
        if (LEVELS.at(level) >= 40) std::cout << "  " << message << std::endl;
    }
}
""",
        "events.log": "info started\ndebug cache is cold\nerror no answer from worker 3\ninfo retried\nwarning slow answer\ninfo stopped\n",
    },
    script=("g++ -std=c++17 -O1 -o replay replay.cpp", "./replay events.log"),
    evidence=("terminate called after throwing an instance of 'std::out_of_range'", "line 5: warning"),
    root_cause=(
        "Line 5 of events.log has the level `warning`, which the map LEVELS in replay.cpp (debug, info, error) doesn't "
        "contain. `LEVELS.at(level)` throws std::out_of_range, nobody catches it, and std::terminate aborts the "
        "program (exit code 134)."
    ),
    fix=(
        'Add `{"warning", 30}` to LEVELS, and look levels up with find() so that an unknown one is reported with its '
        "line instead of aborting."
    ),
    needs=GXX,
)

MISSING_HEADER = Scenario(
    slug="gcc-missing-header",
    name="compile",
    stage="build",
    tags=("c", "dependency"),
    item_class="dependency",
    files={
        **UTIL_C,
        "src/util.h": UTIL_H,
        "Makefile": MAKEFILE,
        "src/main.c": '#include <stdio.h>\n#include <hiredis/hiredis.h>\n#include "util.h"\n\nint main(void) {\n    redisContext *context = redisConnect("localhost", 6379);\n'
        '    printf("%d %d\\n", context->err, util_half(8));\n    return 0;\n}\n',
    },
    script=("make --keep-going",),
    evidence=("fatal error: hiredis/hiredis.h: No such file or directory",),
    root_cause=(
        "src/main.c includes <hiredis/hiredis.h>, and the header isn't on this image: the development files of the "
        "hiredis library are not installed. All other sources compile; with main.o missing the program can't be linked."
    ),
    fix=(
        "Install hiredis's development package in the build image (libhiredis-dev on Debian, hiredis-devel on Fedora) "
        "and link with -lhiredis."
    ),
    needs=("gcc", "make"),
)

SHARED_LIBRARY = Scenario(
    slug="shared-library-not-found",
    name="smoke",
    stage="test",
    tags=("c", "link-error"),
    item_class="missing-file",
    files={
        "score.c": "int score(int passed, int asked) { return asked ? 100 * passed / asked : 0; }\n",
        "main.c": '#include <stdio.h>\n\nint score(int passed, int asked);\n\nint main(void) {\n    printf("%d\\n", score(3, 4));\n    return 0;\n}\n',
    },
    script=(
        "mkdir -p lib && gcc -shared -fPIC -o lib/libscore.so score.c",
        "gcc -o main main.c -Llib -lscore",
        "ls lib",
        "ldd ./main | sed 's/ (0x.*//'",
        "./main",
    ),
    evidence=("error while loading shared libraries: libscore.so", "libscore.so => not found"),
    root_cause=(
        "The program is linked against lib/libscore.so, but the loader doesn't look into lib at run time: -Llib counts "
        'for the linker only. `ldd` shows "libscore.so => not found", and the start fails with exit code 127.'
    ),
    fix=(
        "Give the program a run path (`-Wl,-rpath,'$ORIGIN/lib'` on the link line), or run it with "
        "LD_LIBRARY_PATH=lib, or install the library and run ldconfig."
    ),
    needs=("gcc", "ldd"),
)

VALGRIND = Scenario(
    slug="valgrind-leak",
    name="memcheck",
    stage="test",
    tags=("c", "memory-error"),
    item_class="runtime-crash",
    files={
        "split.c": """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
    char *text;
    struct part *next;
};

static struct part *split(const char *line, char mark) {
    struct part *head = NULL, **end = &head;
    while (line) {
        const char *stop = strchr(line, mark);
        *end = calloc(1, sizeof **end);
        (*end)->text = stop ? strndup(line, stop - line) : strdup(line);
        end = &(*end)->next;
        line = stop ? stop + 1 : NULL;
    }
    return head;
}

static void release(struct part *part) {
    while (part) {
        struct part *next = part->next;
        free(part);
        part = next;
    }
}

int main(void) {
    struct part *parts = split("id,score,status", ',');
    for (struct part *part = parts; part; part = part->next) puts(part->text);
    release(parts);
    return 0;
}
""",
    },
    script=("gcc -std=gnu11 -g -O0 -o split split.c", "valgrind --leak-check=full --error-exitcode=9 ./split"),
    evidence=("definitely lost", "split.c:15"),
    root_cause=(
        "`release` in split.c frees the list nodes but not the `text` each of them owns, which split() duplicates in "
        "line 15 with strndup and strdup. valgrind counts these three strings (16 bytes) as definitely lost and ends "
        "with the error exit code 9; the program itself ran correctly."
    ),
    fix="Free the string before the node in `release`: `free(part->text); free(part);`.",
    needs=("gcc", "valgrind"),
)

JOBS = (
    RENAMED_MEMBER, UNDEFINED_REFERENCE, TEMPLATE_ERROR, SEGFAULT, DOUBLE_FREE, STACK_OVERFLOW, WERROR, NO_RULE,
    MISSING_SEPARATOR, CMAKE_PACKAGE, CTEST, ASAN, CPP_EXCEPTION, MISSING_HEADER, SHARED_LIBRARY, VALGRIND,
)  # fmt: skip
