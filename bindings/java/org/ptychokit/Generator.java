package org.ptychokit;

import org.ptychokit.lib.ptk_generator_output_code;

/** A generator written in Java, for {@link Context#register}. */
@FunctionalInterface
public interface Generator {
    /** What the two images of a network are. */
    enum Output {
        /** Real and imaginary part. */
        REAL_IMAG(ptk_generator_output_code.PTK_OUTPUT_REAL_IMAG),
        /** Amplitude, and phase in rad. */
        AMP_PHASE(ptk_generator_output_code.PTK_OUTPUT_AMP_PHASE),
        /** a and p: amplitude 1 / (1 + exp(-a)), phase pi tanh(p). */
        AMP_PHASE_LOGITS(ptk_generator_output_code.PTK_OUTPUT_AMP_PHASE_LOGITS);

        final int code;

        Output(int code) {
            this.code = code;
        }
    }

    /**
     * Make a network for frames [channels, side, side]; one for every model.
     *
     * @param options  JSON object of the values of the options
     */
    Network create(long channels, long side, String options);

    /** One line. */
    default String summary() {
        return "a network in Java";
    }

    /** Paper or program. */
    default String source() {
        return "";
    }

    /** JSON array of its options, as {@link Context#schema} gives them, names without "generator.". */
    default String options() {
        return "[]";
    }

    default Output output() {
        return Output.REAL_IMAG;
    }

    /** Whether its networks have {@link Network#vjp}; without it they only predict. */
    default boolean trains() {
        return true;
    }
}
