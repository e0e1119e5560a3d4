/* C11's atomics for the models: what a thread may see of what the others have stored.
 *
 * Each atomic place keeps every store that was made to it, in order (`memory`). A store is buffered
 * on its way to each other thread separately, and reaches them when it likes and in any order across
 * places: a load returns the newest store that its thread knows, or any newer one (`knows` says how
 * far each thread has come, place by place; it never goes back). Only release and acquire order
 * anything: a release store carries what its thread knew, and an acquire load that reads it comes to
 * know that too. So a relaxed store is seen before what was stored earlier, a relaxed load is
 * followed by stale ones, and two threads may disagree on the order of two others' stores: weaker
 * than x86, and than ARM, RISC-V and POWER in all but one thing: no load returns a store that its own
 * thread's later stores lead to (load buffering; the server has no relaxed load of another's place).
 *
 * What is not atomic is a place without values here: each access counts, and must know all those
 * before it (`access`). One that does not is a data race: the access may then see, or make others
 * see, anything.
 *
 * A place that is changed by exchanges alone is a flag: its newest value is the only one that can be
 * read. Each exchange carries on what the ones before it carried (C11's release sequence). Flags,
 * mutexes and semaphores carry knowledge in `carried`, each at a number of its own.
 *
 * What every thread that uses a place knows already makes no difference any more: it is forgotten
 * (`forget`), so that a model whose threads go in circles has a finite number of states.
 *
 * The including model defines ATOMICS, PLACES (atomics first, then plain ones), STORES (the most to
 * one place that somebody has not seen), CARRIERS, THREADS, and USES(thread, place) in C: whether
 * that thread loads, stores or accesses it at all. */

#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 2
#define ACQ_REL 3

typedef view {
    byte at[PLACES]
};

typedef store {
    byte value;
    view carries
};

typedef history {
    byte count;
    store stores[STORES]
};

history memory[ATOMICS];
view knows[THREADS];
view carried[CARRIERS];
byte accesses[PLACES];
byte each, seen; /* used within one step only; 0 between steps */

c_code {
static void lower(uchar *known, int by)
{
    *known = *known > by ? *known - by : 0;
}

static int all_know(int place)
{
    int least = 255;
    for (int thread = 0; thread < THREADS; thread++)
        if (USES(thread, place) && now.knows[thread].at[place] < least)
            least = now.knows[thread].at[place];
    return least;
}

static void forget_place(int place, int count)
{
    for (int thread = 0; thread < THREADS; thread++)
        lower(&now.knows[thread].at[place], count);
    for (int carrier = 0; carrier < CARRIERS; carrier++)
        lower(&now.carried[carrier].at[place], count);
    for (int other = 0; other < ATOMICS; other++)
        for (int i = 0; i < now.memory[other].count; i++)
            lower(&now.memory[other].stores[i].carries.at[place], count);
    if (place >= ATOMICS) {
        now.accesses[place] -= count;
        return;
    }
    for (int i = 0; i < STORES; i++)
        if (i + count < now.memory[place].count)
            now.memory[place].stores[i] = now.memory[place].stores[i + count];
        else
            memset(&now.memory[place].stores[i], 0, sizeof now.memory[place].stores[i]);
    now.memory[place].count -= count;
}

static void forget(void)
{
    for (int place = 0; place < PLACES; place++) {
        int count = all_know(place);
        if (count > 0)
            forget_place(place, count);
    }
}
};

inline join(into, from)
{
    each = 0;
    do
    :: each < PLACES ->
        if
        :: from.at[each] > into.at[each] -> into.at[each] = from.at[each]
        :: else
        fi;
        each++
    :: else -> break
    od;
    each = 0
}

/* Before anything else: the value that a place begins with. Everybody knows it. */
inline begin(place, initial)
{
    memory[place].count = 1;
    memory[place].stores[0].value = initial
}

inline load(thread, place, order, result)
{
    atomic {
        seen = knows[thread].at[place];
        do
        :: seen + 1 < memory[place].count -> seen++
        :: break
        od;
        result = memory[place].stores[seen].value;
        knows[thread].at[place] = seen;
        if
        :: (order) & ACQUIRE -> join(knows[thread], memory[place].stores[seen].carries)
        :: else
        fi;
        seen = 0;
        c_code { forget(); }
    }
}

inline put(thread, place, order, new)
{
    d_step {
        assert(memory[place].count < STORES); /* else the model is too small */
        seen = memory[place].count;
        memory[place].stores[seen].value = new;
        memory[place].stores[seen].carries.at[place] = seen;
        knows[thread].at[place] = seen;
        memory[place].count++;
        if
        :: (order) & RELEASE -> join(memory[place].stores[seen].carries, knows[thread])
        :: else
        fi;
        seen = 0;
        c_code { forget(); }
    }
}

/* The newest store to a place, whoever knows it; for assertions. */
#define newest(place) memory[place].stores[memory[place].count - 1].value

/* Waits until a load may return something else than the last one did. A thread that polls does no
 * more; and if nothing will ever come, spin finds that it waits for ever. */
inline await_store(thread, place)
{
    knows[thread].at[place] + 1 < memory[place].count
}

/* A read or write of what is not atomic. */
inline access(thread, place)
{
    d_step {
        assert(knows[thread].at[place] == accesses[place]); /* no race */
        accesses[place]++;
        knows[thread].at[place] = accesses[place];
        c_code { forget(); }
    }
}

inline exchange(thread, flag, carrier, order, new, old)
{
    d_step {
        old = flag;
        flag = new;
        if
        :: (order) & ACQUIRE -> join(knows[thread], carried[carrier])
        :: else
        fi;
        if
        :: (order) & RELEASE -> join(carried[carrier], knows[thread])
        :: else
        fi;
        c_code { forget(); }
    }
}

/* A mutex is a bit and a carrier. */
inline lock(thread, held, carrier)
{
    atomic {
        !held ->
        held = 1;
        join(knows[thread], carried[carrier]);
        c_code { forget(); }
    }
}

inline unlock(thread, held, carrier)
{
    d_step {
        join(carried[carrier], knows[thread]);
        held = 0;
        c_code { forget(); }
    }
}
