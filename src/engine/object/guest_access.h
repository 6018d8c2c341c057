/* Compiled into every object, in the middle of wasm2c's prelude: how generated code reaches linear
 * memory and calls through tables.
 *
 * There is no bounds check here: the reservation behind linear_memory.h is wider than any address
 * that can be formed. On x86-64 its base is in the GS register, so an access is one instruction and
 * needs no base register; elsewhere the base is read from the memory object.
 */

typedef u8 guest_u8;
typedef s8 guest_s8;
typedef u16 guest_u16 __attribute__((aligned(1), may_alias));
typedef s16 guest_s16 __attribute__((aligned(1), may_alias));
typedef u32 guest_u32 __attribute__((aligned(1), may_alias));
typedef s32 guest_s32 __attribute__((aligned(1), may_alias));
typedef u64 guest_u64 __attribute__((aligned(1), may_alias));
typedef f32 guest_f32 __attribute__((aligned(1), may_alias));
typedef f64 guest_f64 __attribute__((aligned(1), may_alias));

#if defined(__x86_64__)
#define GUEST_AT(mem, type, addr) ((type __seg_gs *)(uintptr_t)(addr))
#define GUEST_FLOAT_REGISTER "x"
#else
#define GUEST_AT(mem, type, addr) ((type *)((mem)->data + (addr)))
#define GUEST_FLOAT_REGISTER "w"
#endif

#define GUEST_KEEP_u8 "r"
#define GUEST_KEEP_s8 "r"
#define GUEST_KEEP_u16 "r"
#define GUEST_KEEP_s16 "r"
#define GUEST_KEEP_u32 "r"
#define GUEST_KEEP_s32 "r"
#define GUEST_KEEP_u64 "r"
#define GUEST_KEEP_f32 GUEST_FLOAT_REGISTER
#define GUEST_KEEP_f64 GUEST_FLOAT_REGISTER

/* Two forms of each load. The compiler may drop the plain one when nothing comes of its value; the
 * kept one stands where the module drops the value itself and means the load for its trap. Keeping
 * all of them costs 4 to 8 % of a Python program's time. */
#undef DEFINE_LOAD
#define DEFINE_LOAD(name, t1, t2, t3)                                                              \
    static inline t3 name(wasm_rt_memory_t *mem, u64 addr)                                         \
    {                                                                                              \
        (void)mem;                                                                                 \
        t1 result = *GUEST_AT(mem, const guest_##t1, addr);                                        \
        return (t3)(t2)result;                                                                     \
    }                                                                                              \
    static inline t3 name##_kept(wasm_rt_memory_t *mem, u64 addr)                                  \
    {                                                                                              \
        (void)mem;                                                                                 \
        t1 result = *GUEST_AT(mem, const guest_##t1, addr);                                        \
        __asm__ volatile("" ::GUEST_KEEP_##t1(result));                                            \
        return (t3)(t2)result;                                                                     \
    }

#undef DEFINE_STORE
#define DEFINE_STORE(name, t1, t2)                                                                 \
    static inline void name(wasm_rt_memory_t *mem, u64 addr, t2 value)                             \
    {                                                                                              \
        (void)mem;                                                                                 \
        *GUEST_AT(mem, guest_##t1, addr) = (t1)value;                                              \
    }

/* A null element has type 0 and no function type is 0, so the type check covers it. */
#undef CALL_INDIRECT
#define CALL_INDIRECT(table, t, ft, x, ...)                                                        \
    (LIKELY((x) < table.size && table.data[x].func_type == func_types[ft]) || TRAP(CALL_INDIRECT), \
     ((t)table.data[x].func)(__VA_ARGS__))
