package org.ptychokit;

/** Called on the thread of the long call. An exception that it throws ends the call and comes out of it unchanged. */
@FunctionalInterface
public interface ProgressListener {
    /** Return true to go on, false to cancel. */
    boolean onProgress(Progress progress);
}
