package org.ptychokit;

import java.util.function.Function;
import org.ptychokit.lib.ptk_progress;
import org.ptychokit.lib.ptk_progress_listener;

/** A listener as the compiled module calls it. */
final class Watcher extends ptk_progress_listener {
    private final ProgressListener listener;

    private Watcher(ProgressListener listener) {
        this.listener = listener;
    }

    @Override
    public boolean on_progress(ptk_progress progress) {
        return listener.onProgress(new Progress(progress));
    }

    /** A call with a listener, which may be null. */
    static <T> T watched(ProgressListener listener, Function<Watcher, T> call) {
        if (listener == null) {
            return call.apply(null);
        }
        Watcher watcher = new Watcher(listener);
        try {
            return call.apply(watcher);
        } finally {
            watcher.delete();
        }
    }
}
