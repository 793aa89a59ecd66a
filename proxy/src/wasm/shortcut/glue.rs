//! The core modules that are put into a component, as the text format would have them:
//!
//! ```wat
//! (module $belay:shortcut
//!   (import "" "memory" (memory 0))
//!   (import "" "on-message" (func $on_message (param i32 i32 i32 i32 i32 i32) (result i32)))
//!   (import "" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
//!   (import "" "post-return" (func $post_return (param i32)))     ;; if there is one
//!   ;; A payload of no bytes has an address all the same, of the filter's choice.
//!   (func (export "listen") (param $session i32) (param $way i32) (param $size i32) (result i64)
//!     (local $payload i32) (local $len i32) (local $at i32) (local $verdict i32)
//!     (local.set $payload (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)))
//!     (if (i64.gt_u (i64.extend_i32_u (local.get $payload))
//!                   (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))) (then
//!       (return (i64.const ASK_AGAIN))))
//!     ;; And on as `read`, with no bytes: not by a call, which would cost as much as all else that stands here.
//!     ...)
//!   (func (export "read")
//!     (param $session i32) (param $way i32) (param $size i32) (param $payload i32) (param $len i32) (result i64)
//!     (local $at i32) (local $verdict i32)
//!     (local.set $at (call $on_message (local.get $session)
//!       (i32.and (local.get $way) (i32.const 1)) (i32.shr_u (local.get $way) (i32.const 1))
//!       (local.get $size) (local.get $payload) (local.get $len)))
//!     ;; An address that is not aligned or not in memory is for the runtime to complain about.
//!     (if (i32.eqz (i32.and (local.get $at) (i32.const 3))) (then
//!       (if (i64.le_u (i64.add (i64.extend_i32_u (local.get $at)) (i64.const VERDICT_BYTES))
//!                     (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))) (then
//!         (local.set $verdict (i32.load8_u (local.get $at)))
//!         (if (i32.and (i32.lt_u (local.get $verdict) (i32.const 32))
//!                      (i32.shr_u (i32.const NUMBERS) (local.get $verdict))) (then
//!           (call $post_return (local.get $at))
//!           (return (i64.extend_i32_u (local.get $verdict)))))))))
//!     (i64.or (i64.extend_i32_u (local.get $at)) (i64.const AT)))
//!   (func (export "verdict") (param $at i32) (result i32) (local.get $at)))
//! ```

use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    InstructionSink, MemArg, MemoryType, Module, NameSection, TypeSection, ValType,
};
use wasmtime::component::ComponentType;

use super::find::Lift;
use super::{ASK_AGAIN, AT};
use crate::wasm::abi::types::Verdict;

/// The name of the first module: its functions are nobody's in a backtrace.
pub(in crate::wasm) const MODULE: &str = "belay:shortcut";

/// What it exports, and the second module passes on.
pub(super) const EXPORTS: [&str; 3] = ["listen", "read", "verdict"];

/// Of what stands in memory.
const VERDICT_BYTES: i64 = Verdict::SIZE32 as i64;
/// Verdicts that are but a number: `continue`, `remember`, `drop`.
const NUMBERS: i32 = 1 | 1 << 1 | 1 << 4;

/// Types, in the order of [`types`].
const ON_MESSAGE: u32 = 0;
const REALLOC: u32 = 1;
const POST_RETURN: u32 = 2;
const LISTEN: u32 = 3;
const READ: u32 = 4;
const VERDICT: u32 = 5;

fn types() -> TypeSection {
    use ValType::{I32, I64};
    let mut types = TypeSection::new();
    types.ty().function([I32; 6], [I32]);
    types.ty().function([I32; 4], [I32]);
    types.ty().function([I32], []);
    types.ty().function([I32; 3], [I64]);
    types.ty().function([I32; 5], [I64]);
    types.ty().function([I32], [I32]);
    types
}

/// The first module.
pub(super) fn module(lift: &Lift) -> Module {
    let mut imports = ImportSection::new();
    let memory = MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
    imports.import("", "memory", memory);
    imports.import("", "on-message", EntityType::Function(ON_MESSAGE));
    imports.import("", "realloc", EntityType::Function(REALLOC));
    let post_return = lift.post_return.map(|_| 2);
    if post_return.is_some() {
        imports.import("", "post-return", EntityType::Function(POST_RETURN));
    }
    let first = 2 + u32::from(post_return.is_some());
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    for (index, (ty, name)) in (first..).zip([LISTEN, READ, VERDICT].into_iter().zip(EXPORTS)) {
        functions.function(ty);
        exports.export(name, ExportKind::Func, index);
    }
    let mut code = CodeSection::new();
    code.function(&listen(post_return)).function(&read(post_return)).function(&verdict());
    let mut name = NameSection::new();
    name.module(MODULE);
    let mut module = Module::new();
    module.section(&types()).section(&imports).section(&functions).section(&exports).section(&code).section(&name);
    module
}

/// The second module, which imports the first one's functions and exports them: of a function that an instance was given the
/// runtime need not look up anything.
pub(super) fn passing_on() -> Module {
    let (mut imports, mut exports) = (ImportSection::new(), ExportSection::new());
    for (index, (ty, name)) in (0..).zip([LISTEN, READ, VERDICT].into_iter().zip(EXPORTS)) {
        imports.import("", name, EntityType::Function(ty));
        exports.export(name, ExportKind::Func, index);
    }
    let mut module = Module::new();
    module.section(&types()).section(&imports).section(&exports);
    module
}

/// Locals, after the parameters of `listen`: `read` has two of these for parameters as well.
const SESSION: u32 = 0;
const WAY: u32 = 1;
const SIZE: u32 = 2;
const PAYLOAD: u32 = 3;
const LEN: u32 = 4;
const AT_LOCAL: u32 = 5;
const VERDICT_LOCAL: u32 = 6;

fn listen(post_return: Option<u32>) -> Function {
    let mut function = Function::new([(4, ValType::I32)]);
    let mut code = function.instructions();
    code.i32_const(0).i32_const(0).i32_const(1).i32_const(0).call(1).local_tee(PAYLOAD).i64_extend_i32_u();
    code.memory_size(0).i64_extend_i32_u().i64_const(16).i64_shl().i64_gt_u().if_(BlockType::Empty);
    code.i64_const(ASK_AGAIN as i64).return_().end();
    ask(&mut code, post_return);
    function
}

fn read(post_return: Option<u32>) -> Function {
    let mut function = Function::new([(2, ValType::I32)]);
    ask(&mut function.instructions(), post_return);
    function
}

/// The call itself, and what is made of its answer.
fn ask(code: &mut InstructionSink<'_>, post_return: Option<u32>) {
    code.local_get(SESSION).local_get(WAY).i32_const(1).i32_and().local_get(WAY).i32_const(1).i32_shr_u();
    code.local_get(SIZE).local_get(PAYLOAD).local_get(LEN).call(0).local_set(AT_LOCAL);
    code.local_get(AT_LOCAL).i32_const(3).i32_and().i32_eqz().if_(BlockType::Empty);
    code.local_get(AT_LOCAL).i64_extend_i32_u().i64_const(VERDICT_BYTES).i64_add();
    code.memory_size(0).i64_extend_i32_u().i64_const(16).i64_shl().i64_le_u().if_(BlockType::Empty);
    code.local_get(AT_LOCAL).i32_load8_u(MemArg { offset: 0, align: 0, memory_index: 0 }).local_tee(VERDICT_LOCAL);
    code.i32_const(32).i32_lt_u().i32_const(NUMBERS).local_get(VERDICT_LOCAL).i32_shr_u().i32_and();
    code.if_(BlockType::Empty);
    if let Some(post_return) = post_return {
        code.local_get(AT_LOCAL).call(post_return);
    }
    code.local_get(VERDICT_LOCAL).i64_extend_i32_u().return_().end().end().end();
    code.local_get(AT_LOCAL).i64_extend_i32_u().i64_const(AT as i64).i64_or().end();
}

/// An address that comes from the filter, by way of the host.
fn verdict() -> Function {
    let mut function = Function::new([]);
    function.instructions().local_get(0).end();
    function
}
