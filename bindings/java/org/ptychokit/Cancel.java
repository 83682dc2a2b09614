package org.ptychokit;

import org.ptychokit.lib.ptk_cancel;
import org.ptychokit.lib.ptychokit;

/** A flag that stops long calls, from any thread. */
public final class Cancel extends Native<ptk_cancel> {
    public Cancel() {
        super(ptychokit.ptk_cancel_create(), ptk_cancel::delete);
    }

    public void request() {
        during(() -> ptychokit.ptk_cancel_request(handle()), this);
    }

    public void reset() {
        during(() -> ptychokit.ptk_cancel_reset(handle()), this);
    }
}
