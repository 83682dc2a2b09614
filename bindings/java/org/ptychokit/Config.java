package org.ptychokit;

import java.util.Map;
import org.ptychokit.lib.ptk_config;
import org.ptychokit.lib.ptychokit;

/** Option values by dotted name: {@code new Config().set("training.epochs", 3)}. Checked when used, or by {@link #check}. */
public final class Config extends Native<ptk_config> {
    public Config() {
        this(ptychokit.ptk_config_create());
    }

    private Config(ptk_config handle) {
        super(handle, ptk_config::delete);
    }

    /** Nested maps, or dotted names; values are numbers, booleans, texts, null, and double[2] for pairs. */
    public static Config of(Map<String, ?> values) {
        Config config = new Config();
        config.setAll("", values);
        return config;
    }

    public static Config fromJson(String json) {
        return new Config(ptychokit.ptk_config_from_json(json));
    }

    public static Config fromYaml(String yaml) {
        return new Config(ptychokit.ptk_config_from_yaml(yaml));
    }

    /** From a .json, .yaml or .yml file. */
    public static Config load(String path) {
        return new Config(ptychokit.ptk_config_load(path));
    }

    private void setAll(String prefix, Map<String, ?> values) {
        values.forEach((key, value) -> setAny(prefix + key, value));
    }

    @SuppressWarnings("unchecked")
    private void setAny(String key, Object value) {
        if (value == null) {
            setText(key, "null");
        } else if (value instanceof Map) {
            setAll(key + ".", (Map<String, ?>) value);
        } else if (value instanceof Boolean) {
            set(key, (boolean) value);
        } else if (value instanceof Float || value instanceof Double) {
            set(key, ((Number) value).doubleValue());
        } else if (value instanceof Number) {
            set(key, ((Number) value).longValue());
        } else if (value instanceof double[] && ((double[]) value).length == 2) {
            set(key, ((double[]) value)[0], ((double[]) value)[1]);
        } else {
            set(key, value.toString());
        }
    }

    public Config set(String key, long value) {
        during(() -> ptychokit.ptk_config_set_int(handle(), key, value), this);
        return this;
    }

    public Config set(String key, double value) {
        during(() -> ptychokit.ptk_config_set_float(handle(), key, value), this);
        return this;
    }

    public Config set(String key, boolean value) {
        during(() -> ptychokit.ptk_config_set_bool(handle(), key, value ? 1 : 0), this);
        return this;
    }

    public Config set(String key, String value) {
        during(() -> ptychokit.ptk_config_set_string(handle(), key, value), this);
        return this;
    }

    public Config set(String key, double first, double second) {
        during(() -> ptychokit.ptk_config_set_pair(handle(), key, first, second), this);
        return this;
    }

    /** A value as text, read as the option's type; for command lines. */
    public Config setText(String key, String value) {
        during(() -> ptychokit.ptk_config_set_text(handle(), key, value), this);
        return this;
    }

    /** Take over the values of another configuration; they win. */
    public Config merge(Config other) {
        during(() -> ptychokit.ptk_config_merge(handle(), other.handle()), this, other);
        return this;
    }

    /** @param subject "library", a section, or "generator:NAME" */
    public void check(Context context, String subject) {
        during(() -> ptychokit.ptk_config_check(context.handle(), handle(), subject), this, context);
    }

    /** JSON: all values, defaults included. */
    public String effective(Context context, String subject) {
        return during(() -> ptychokit.ptk_config_to_json(context.handle(), handle(), subject), this, context);
    }
}
