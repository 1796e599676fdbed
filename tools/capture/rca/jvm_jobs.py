"""Jobs in Java."""

from __future__ import annotations

from rca.scenario import Scenario

JAVA = ("javac", "java")

JAVAC = Scenario(
    slug="javac-unhandled-checked-exception",
    name="compile",
    stage="build",
    tags=("java", "compile-error"),
    item_class="compile-error",
    files={
        "src/app/TraceReader.java": """\
package app;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

public final class TraceReader {
    public List<String> read(Path path) throws IOException {
        return Files.readAllLines(path);
    }

    public String lastLine(Path path) throws IOException {
        List<String> lines = read(path);
        return lines.get(lines.size() - 1);
    }
}
""",
        "src/app/Main.java": """\
package app;

import java.nio.file.Path;
import java.util.stream.Stream;

public final class Main {
    public static void main(String[] args) {
        TraceReader reader = new TraceReader();
        Stream.of(args)
            .map(Path::of)
            .map(path -> reader.lastLine(path))
            .forEach(System.out::println);
    }
}
""",
    },
    script=("javac --version", "javac -Xlint:all -d out src/app/*.java"),
    evidence=("unreported exception IOException; must be caught or declared to be thrown", "src/app/Main.java:11"),
    root_cause=(
        "src/app/Main.java, line 11, calls `reader.lastLine(path)` in a lambda given to Stream.map. lastLine declares "
        "the checked IOException, and the Function interface of map allows none, so javac demands that it be caught "
        "inside the lambda; declaring it on main wouldn't help."
    ),
    fix=(
        "Catch it in the lambda and rethrow as UncheckedIOException, or use a plain for loop over `args` with `throws "
        "IOException` on main."
    ),
    needs=JAVA,
)

JAVA_EXCEPTION = Scenario(
    slug="java-concurrent-modification",
    name="smoke",
    stage="test",
    tags=("java", "runtime-error"),
    item_class="runtime-crash",
    files={
        "src/Sessions.java": """\
import java.util.HashMap;
import java.util.Map;

final class Sessions {
    private final Map<String, Integer> idleMinutes = new HashMap<>();

    void touch(String user, int minutes) {
        idleMinutes.put(user, minutes);
    }

    int expire(int limit) {
        int expired = 0;
        for (Map.Entry<String, Integer> entry : idleMinutes.entrySet()) {
            if (entry.getValue() > limit) {
                System.out.println("expire " + entry.getKey());
                idleMinutes.remove(entry.getKey());
                expired++;
            }
        }
        return expired;
    }
}
""",
        "src/Smoke.java": """\
public final class Smoke {
    public static void main(String[] args) {
        Sessions sessions = new Sessions();
        sessions.touch("a", 50);
        sessions.touch("b", 2);
        sessions.touch("c", 90);
        if (sessions.expire(30) != 2) {
            throw new AssertionError("two sessions should expire");
        }
        System.out.println("ok");
    }
}
""",
    },
    script=("javac -d out src/*.java", "java -cp out Smoke"),
    evidence=("java.util.ConcurrentModificationException", "Sessions.expire(Sessions.java:13)"),
    root_cause=(
        "`Sessions.expire` (Sessions.java, loop in line 13) removes entries from the map `idleMinutes` while it "
        'iterates over the map\'s entrySet. After the first removal ("expire a") the iterator notices the change and '
        "throws ConcurrentModificationException. No second thread is involved."
    ),
    fix=(
        "Remove through the collection view: `idleMinutes.values().removeIf(minutes -> minutes > limit)` with the "
        "count taken from the sizes, or use the iterator's own remove()."
    ),
    needs=JAVA,
)

JAVA_HEAP = Scenario(
    slug="java-heap-space",
    name="load-test",
    stage="test",
    tags=("java", "out-of-memory"),
    item_class="resources",
    files={
        "src/Cache.java": """\
import java.util.HashMap;
import java.util.Map;

public final class Cache {
    record Key(int number) {
        @Override
        public boolean equals(Object other) {
            return this == other;
        }
    }

    private static final Map<Key, byte[]> CACHE = new HashMap<>();

    static byte[] load(int number) {
        return CACHE.computeIfAbsent(new Key(number % 10), key -> new byte[1024 * 1024]);
    }

    public static void main(String[] args) {
        for (int call = 1; call <= 10_000; call++) {
            load(call);
            if (call % 10 == 0) {
                System.out.println(call + " calls, " + CACHE.size() + " entries");
            }
        }
    }
}
""",
    },
    script=("javac -d out src/Cache.java", "sed -n '5,10p' src/Cache.java", "java -Xmx64m -cp out Cache"),
    evidence=("java.lang.OutOfMemoryError: Java heap space", "20 calls, 20 entries"),
    root_cause=(
        "The cache never hits: `Key.equals` compares identities (`this == other`), so each new Key is another key, and "
        "the map has as many entries as there were calls instead of ten. At 1 MiB an entry the 64 MiB heap (-Xmx64m) "
        "is full after a few dozen calls: OutOfMemoryError: Java heap space."
    ),
    fix=(
        "Drop the override of equals: a record compares its components by itself. A larger -Xmx would only postpone "
        "the end; a bounded cache is still a good idea."
    ),
    needs=JAVA,
)

JAVA_CLASSPATH = Scenario(
    slug="java-no-class-definition",
    name="run-jar",
    stage="deploy",
    tags=("java", "build-config"),
    item_class="missing-file",
    files={
        "core/core/Text.java": "package core;\n\npublic final class Text {\n    public static String title(String text) {\n        return text.substring(0, 1).toUpperCase() + text.substring(1);\n    }\n}\n",
        "app/app/Main.java": 'package app;\n\nimport core.Text;\n\npublic final class Main {\n    public static void main(String[] args) {\n        System.out.println("starting");\n        System.out.println(Text.title("daily runs"));\n    }\n}\n',
    },
    script=(
        "javac -d build/core core/core/*.java",
        "javac -cp build/core -d build/app app/app/*.java",
        "jar --create --file app.jar --main-class app.Main -C build/app .",
        "jar --list --file app.jar",
        "java -jar app.jar",
    ),
    evidence=("java.lang.NoClassDefFoundError: core/Text", "app/Main.class"),
    root_cause=(
        "app.jar holds app/Main.class only. The class core.Text was on the class path when the code was compiled (-cp "
        "build/core), but it is neither in the jar nor on the class path of `java -jar`, so the first use of it in "
        "Main ends in NoClassDefFoundError: core/Text."
    ),
    fix=(
        "Put build/core into the jar (`-C build/core .` in the jar step), or ship core as its own jar and name it in "
        "the manifest's Class-Path. With -jar a -cp option is ignored."
    ),
    needs=(*JAVA, "jar"),
)

JOBS = (JAVAC, JAVA_EXCEPTION, JAVA_HEAP, JAVA_CLASSPATH)
