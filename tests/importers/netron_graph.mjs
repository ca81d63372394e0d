// Opens a model file with Netron's own modules and prints its graph as JSON: what Netron would draw.
//
//     node netron_graph.mjs FOLDER_OF_NETRON MODEL
//
// FOLDER_OF_NETRON holds the modules of the netron package, and a package.json that says they are modules.

import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, file] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(folder, `${name}.js`)));
const base = await load('base');
const view = await load('view');

const fail = (error) => {
    throw error;
};
const asset = (name) => fs.readFile(path.join(folder, name), 'utf-8');
const host = { environment: () => null, require: load, exception: fail, asset };

const model = await new view.ModelFactoryService(host).open({
    identifier: path.basename(file),
    stream: new base.BinaryStream(new Uint8Array(await fs.readFile(file))),
    entries: new Map(),
    require: load,
    asset,
    error: fail
});

const sizes = (type) => Array.from(type.shape.dimensions, Number);
const [graph] = model.modules;
const shapes = (list) => list.flatMap((argument) => argument.value.map((value) => value.type && sizes(value.type)));
console.log(JSON.stringify({
    format: model.format,
    inputs: shapes(graph.inputs),
    outputs: shapes(graph.outputs),
    nodes: graph.nodes.map((node) => ({
        type: node.type.name,
        name: node.name,
        weights: node.inputs
            .flatMap((argument) => Array.isArray(argument.value) ? argument.value : [])
            .filter((value) => value && value.initializer)
            .map((value) => sizes(value.initializer.type))
    }))
}));
