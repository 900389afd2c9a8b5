import { describe, expect, it } from 'vitest';
import { findJar } from '#estimate/jar-names.ts';

describe('the .JAR of an update', () => {
  it.each([
    ['1602503', '1602503.jar'],
    ['1602503', 'update-1602503.JAR'],
    ['1602503', 'Content_1602503_signed.Jar'],
    ['1602503', 'update1602503x.jar'],
    ['Engine-7', 'engine-7.jar'],
  ])('of %s is %s', (id, name) => {
    expect(findJar(id, ['other.jar', name, '1.txt'])).toEqual({ name, several: false });
  });

  it.each([
    ['160', '1602503.jar'],
    ['2503', '1602503.jar'],
    ['1602503', '1602503.zip'],
    ['1602503', '1602503.jar.part'],
  ])('of %s is not %s', (id, name) => {
    expect(findJar(id, [name])).toEqual({ name: null, several: false });
  });

  it('is the one named exactly like the id, if several match', () => {
    expect(findJar('7', ['a-7.jar', '7.jar']).name).toBe('7.jar');
  });

  it('is none if several match equally', () => {
    expect(findJar('7', ['a-7.jar', 'b-7.jar'])).toEqual({ name: null, several: true });
    expect(findJar('7', ['7.jar', '7.JAR'])).toEqual({ name: null, several: true });
  });
});
