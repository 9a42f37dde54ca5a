--- Found by play.lua through require.
return { answer = 42 }
