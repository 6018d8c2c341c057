// Runs a WASI command with Node's WASI: arguments and standard streams passed on.
//
// usage: node run_node.mjs [--dir HOST::GUEST]... [--env NAME=VALUE]... FILE [ARGUMENT]...
//
// The exit status is the command's own.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const args = process.argv.slice(2);
const preopens = {};
const env = {};
while (args[0] === '--dir' || args[0] === '--env') {
    const [option, value] = args.splice(0, 2);
    if (option === '--dir') {
        const [host, guest] = value.split('::');
        preopens[guest] = host;
    } else {
        const equals = value.indexOf('=');
        env[value.slice(0, equals)] = value.slice(equals + 1);
    }
}
const wasi = new WASI({ version: 'preview1', args, env, preopens, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(args[0]));
// Not getImportObject(), which Node 18 (Debian 12) does not have.
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
process.exitCode = wasi.start(instance);
