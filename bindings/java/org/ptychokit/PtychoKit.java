package org.ptychokit;

import org.ptychokit.lib.ptychokit;

/** What the library says of itself. {@link org.ptychokit.lib} is the C interface as it is. */
public final class PtychoKit {
    private PtychoKit() {
    }

    /** Version of the library that is loaded. */
    public static String version() {
        int[] major = new int[1];
        int[] minor = new int[1];
        int[] patch = new int[1];
        ptychokit.ptk_version(major, minor, patch);
        return major[0] + "." + minor[0] + "." + patch[0];
    }

    /** JSON: what the library was built from and with. */
    public static String buildInfo() {
        return ptychokit.ptk_build_info();
    }

    /** Name of a status, e.g. "PTK_ERR_SHAPE". */
    public static String statusName(int status) {
        return ptychokit.ptk_status_name(status);
    }
}
