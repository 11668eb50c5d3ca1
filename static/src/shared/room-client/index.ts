export * from './client.js'
export * from './position.js'
export * from './wire.js'
