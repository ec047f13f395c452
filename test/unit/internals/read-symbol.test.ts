import t from 'tap'
import { readSymbol } from '../../../lib/internals/read-symbol.ts'

void t.test('readSymbol: returns the property of an object whose symbol has the description', async (t) => {
  t.equal(readSymbol({ key: 1, [Symbol('other')]: 2, [Symbol('key')]: 3 }, 'key'), 3)
})

void t.test('readSymbol: a property of a prototype is read, with the object as this', async (t) => {
  class Base {
    value = 'of the object'
    get [Symbol('key')] (): string { return this.value }
  }
  class Derived extends Base {}
  t.equal(readSymbol(new Derived(), 'key'), 'of the object')
})

void t.test('readSymbol: the object\'s own property precedes that of its prototype', async (t) => {
  const prototype = { [Symbol('key')]: 'prototype' }
  t.equal(readSymbol(Object.assign(Object.create(prototype), { [Symbol('key')]: 'own' }), 'key'), 'own')
})

void t.test('readSymbol: without such a symbol it returns undefined', async (t) => {
  t.equal(readSymbol({ key: 1 }, 'key'), undefined)
  t.equal(readSymbol(Object.create(null), 'key'), undefined)
})
