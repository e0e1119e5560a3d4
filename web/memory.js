// One text that this browser remembers, where it may: in private windows storage can be refused.

export function memory(key) {
    return {
        get() {
            try {
                return localStorage.getItem(key);
            } catch {
                return null;
            }
        },
        set(text) {
            try {
                localStorage.setItem(key, text);
            } catch {
                // Then the page says it until it is left.
            }
        },
        // Calls back with the text that another page of this browser has set.
        onChange(callback) {
            addEventListener("storage", (event) => event.key === key && event.newValue && callback(event.newValue));
        },
    };
}
