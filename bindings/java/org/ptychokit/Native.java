package org.ptychokit;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Something of the library. {@link #close} releases it; when that is forgotten, the garbage collector does. What was made from it stays usable.
 * Using it afterwards throws {@link IllegalStateException}.
 */
public abstract class Native<H> implements AutoCloseable {
    private static final Cleaner CLEANER = Cleaner.create();
    private final State<H> state;
    private final Cleaner.Cleanable cleanable;

    Native(H handle, Consumer<H> release) {
        state = new State<>(handle, release);
        cleanable = CLEANER.register(this, state);
    }

    /** What is released; it must not know the object that is watched. */
    private static final class State<H> implements Runnable {
        private H handle;
        private final Consumer<H> release;

        State(H handle, Consumer<H> release) {
            this.handle = handle;
            this.release = release;
        }

        synchronized H get() {
            return handle;
        }

        @Override
        public void run() {
            H last;
            synchronized (this) {
                last = handle;
                handle = null;
            }
            if (last != null) {
                release.accept(last);
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

    /** A call during which these objects are not collected. */
    static <T> T during(Supplier<T> call, Object... kept) {
        try {
            return call.get();
        } finally {
            for (Object object : kept) {
                Reference.reachabilityFence(object);
            }
        }
    }

    static void during(Runnable call, Object... kept) {
        during(() -> {
            call.run();
            return null;
        }, kept);
    }

    public final boolean isClosed() {
        return state.get() == null;
    }

    @Override
    public void close() {
        cleanable.clean();
    }
}
