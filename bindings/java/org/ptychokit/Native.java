package org.ptychokit;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Something of the library. {@link #close} releases it; when that is forgotten, the garbage collector does. What was made from it stays usable,
 * and a call that is under way, in this thread or another, is finished first. Using it afterwards throws {@link IllegalStateException}.
 */
public abstract class Native<H> implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();
    private final State<H> state;
    private final Cleaner.Cleanable cleanable;

    Native(H handle, Consumer<H> release) {
        state = new State<>(handle, release);
        cleanable = CLEANER.register(this, state);
    }

    /** What is released, by whoever is last: close(), the collector, or the end of a call. It must not know the object that is watched. */
    private static final class State<H> implements Runnable {
        private H handle;
        private final Consumer<H> release;
        private boolean closed = false;
        private int calls = 0;

        State(H handle, Consumer<H> release) {
            this.handle = handle;
            this.release = release;
        }

        synchronized H get() {
            return closed ? null : handle;
        }

        synchronized void enter() {
            ++calls;
        }

        synchronized void leave() {
            --calls;
            releaseUnused();
        }

        @Override
        public synchronized void run() {
            closed = true;
            releaseUnused();
        }

        private void releaseUnused() {
            if (closed && calls == 0 && handle != null) {
                release.accept(handle);
                handle = null;
            }
        }
    }

    final H handle() {
        H handle = state.get();
        if (handle == null) {
            throw new IllegalStateException("the " + getClass().getSimpleName() + " is closed");
        }
        return handle;
    }

    static <H> H handle(Native<H> object) {
        return object == null ? null : object.handle();
    }

    /** A call during which these objects, some of which may be null, are not released or collected. */
    static <T> T during(Supplier<T> call, Native<?>... used) {
        for (Native<?> each : used) {
            if (each != null) {
                each.state.enter();
            }
        }
        try {
            return call.get();
        } finally {
            for (Native<?> each : used) {
                if (each != null) {
                    each.state.leave();
                    Reference.reachabilityFence(each);
                }
            }
        }
    }

    static void during(Runnable call, Native<?>... used) {
        during(() -> {
            call.run();
            return null;
        }, used);
    }

    public final boolean isClosed() {
        return state.get() == null;
    }

    @Override
    public void close() {
        cleanable.clean();
    }
}
