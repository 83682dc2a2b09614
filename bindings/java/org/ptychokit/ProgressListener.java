package org.ptychokit;

import java.util.function.Function;
import org.ptychokit.lib.ptk_progress;
import org.ptychokit.lib.ptk_progress_listener;

/** Called on the thread of the long call. An exception that it throws ends the call and comes out of it unchanged. */
@FunctionalInterface
public interface ProgressListener {
    /** Return true to go on, false to cancel. */
    boolean onProgress(Progress progress);

    /** A call with a listener, which may be null. */
    static <T> T watched(ProgressListener listener, Function<ptk_progress_listener, T> call) {
        if (listener == null) {
            return call.apply(null);
        }
        ptk_progress_listener watcher = new ptk_progress_listener() {
            @Override
            public boolean on_progress(ptk_progress progress) {
                return listener.onProgress(new Progress(progress));
            }
        };
        try {
            return call.apply(watcher);
        } finally {
            watcher.delete();
        }
    }
}
