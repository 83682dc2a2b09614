package org.ptychokit;

/** A failed call of the library: its status (a PTK_ERR_* constant) and what went wrong. What a {@link Network} threw is the cause. */
public class PtychoKitException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final int status;

    public PtychoKitException(int status, String message) {
        super(message, Networks.thrown(status, message));
        this.status = status;
    }

    public int status() {
        return status;
    }
}
